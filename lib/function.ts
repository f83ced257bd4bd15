/** One function: its bundle, its log group, and a role that may do nothing but write that log. */
import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, type LayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Network } from '../lambdas/settings/network.ts';
import type { FunctionName } from './bundles.ts';
import { asyncMaxAge } from './every-minute.ts';
import { grantNetwork, networkProps } from './network.ts';

export type FunctionProps = {
  readonly name: FunctionName;
  readonly description: string;
  /** The folder that holds `<name>/index.mjs`. */
  readonly code: string;
  readonly timeout: Duration;
  /** MB. */
  readonly memory: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly layer: LayerVersion;
  readonly logRetention: RetentionDays;
  /** For a function that is given each event once (SES through EventBridge): how often and how long it is tried. @default never again */
  readonly again?: { readonly attempts: number; readonly maxAge: Duration } | undefined;
  /** The VPC, for the functions that it is for. @default none */
  readonly network?: Network | undefined;
};

export type FunctionAndRole = { readonly fn: LambdaFunction; readonly role: Role };

/** The managed policy for Lambda logs is not used: it allows every log group of the account. */
export function addFunction(scope: Construct, id: string, props: FunctionProps): FunctionAndRole {
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: props.logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  role.addToPolicy(
    new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    }),
  );
  const inVpc = networkProps(scope, props.network, props.name);
  if (inVpc.vpc !== undefined) grantNetwork(role);
  const fn = new LambdaFunction(scope, id, {
    description: props.description,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    code: Code.fromAsset(join(props.code, props.name)),
    handler: 'index.handler',
    timeout: props.timeout,
    memorySize: props.memory,
    environment: { ...props.environment },
    layers: [props.layer],
    role,
    ...inVpc,
    logGroup,
    // Lambda would run an old tick again after one and two minutes; the next tick does that work, with its own input.
    retryAttempts: props.again?.attempts ?? 0,
    maxEventAge: props.again?.maxAge ?? asyncMaxAge,
  });
  return { fn, role };
}
