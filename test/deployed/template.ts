/** The stack of some settings as CDK writes it: its resources with references filled in, and each function as Lambda would run it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import type { Settings } from '../../lambdas/settings/schema.ts';
import { type FunctionName, functionNames } from '../../lib/bundles.ts';
import { stackSettingsOf } from '../../lib/from-settings.ts';
import { MailCanary } from '../../lib/mail-canary.ts';
import { packageRoot } from '../../lib/package-root.ts';
import type { Statement } from './grants.ts';

/** The feature flags with which the stack is deployed. */
const { context } = JSON.parse(readFileSync(join(packageRoot, 'cdk.json'), 'utf8')) as {
  readonly context: Readonly<Record<string, unknown>>;
};

const account = '111122223333';
const region = 'eu-west-1';

export type Resource = { readonly type: string; readonly properties: Readonly<Record<string, unknown>> };

export type Deployable = {
  /** The module in the cloud assembly, and what it must export. */
  readonly file: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  /** ms. */
  readonly timeout: number;
  /** Of its role. */
  readonly statements: readonly Statement[];
};

export type Synthesised = {
  readonly resources: Readonly<Record<string, Resource>>;
  readonly functions: Readonly<Partial<Record<FunctionName, Deployable>>>;
  /** The one resource of a CloudFormation type whose id begins so. Throws when there is none, or more than one. */
  readonly one: (type: string, prefix?: string) => { readonly id: string } & Resource;
};

type Raw = { readonly Type: string; readonly Properties?: unknown };
type Asset = { readonly S3Key: string };
type FunctionProperties = {
  readonly Code: Asset;
  readonly Handler: string;
  readonly Environment: { readonly Variables: Readonly<Record<string, string>> };
  readonly Layers: readonly string[];
  readonly Timeout: number;
  readonly Role: string;
};
type PolicyProperties = {
  readonly Roles: readonly string[];
  readonly PolicyDocument: { readonly Statement: readonly Statement[] };
};

const arnOf = (type: string, id: string): string => {
  const services: Readonly<Record<string, string>> = {
    'AWS::DynamoDB::Table': `dynamodb:${region}:${account}:table/${id}`,
    'AWS::SQS::Queue': `sqs:${region}:${account}:${id}`,
    'AWS::Logs::LogGroup': `logs:${region}:${account}:log-group:${id}:*`,
    'AWS::IAM::Role': `iam::${account}:role/${id}`,
    'AWS::Lambda::Function': `lambda:${region}:${account}:function:${id}`,
  };
  return `arn:aws:${services[type] ?? `unknown:${region}:${account}:${type}/${id}`}`;
};

/** References as CloudFormation fills them; queues are at the local endpoint. */
const filler = (raw: Readonly<Record<string, Raw>>, endpoint: string) => {
  const pseudo: Readonly<Record<string, string>> = {
    'AWS::Partition': 'aws',
    'AWS::Region': region,
    'AWS::AccountId': account,
    'AWS::URLSuffix': 'amazonaws.com',
  };
  const ref = (id: string): string => {
    const type = raw[id]?.Type ?? '';
    if (type === 'AWS::SQS::Queue') return `${endpoint}/${account}/${id}`;
    if (type === 'AWS::SecretsManager::Secret')
      return `arn:aws:secretsmanager:${region}:${account}:secret:${id}-AbCdEf`;
    return pseudo[id] ?? id;
  };
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    const [[key, argument] = ['', undefined]] = Object.entries(value);
    if (key === 'Ref') return ref(`${argument}`);
    if (key === 'Fn::GetAtt' && Array.isArray(argument))
      return arnOf(raw[`${argument[0]}`]?.Type ?? '', `${argument[0]}`);
    if (key === 'Fn::Join' && Array.isArray(argument)) return (fill(argument[1]) as unknown[]).join(`${argument[0]}`);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner)]));
  };
  return fill;
};

/** Synthesises the stack of these settings, with the bundles of that folder, into another folder. */
export const synthesise = (
  settings: Settings,
  { bundles, to, endpoint }: { readonly bundles: string; readonly to: string; readonly endpoint: string },
): Synthesised => {
  const app = new App({ outdir: to, context: { ...context } });
  const stack = new Stack(app, 'Stack', { env: { account, region } });
  new MailCanary(stack, 'MailCanary', { settings: stackSettingsOf(settings), code: bundles });
  const raw = app.synth().getStackByName('Stack').template.Resources as Readonly<Record<string, Raw>>;
  const fill = filler(raw, endpoint);
  const resources: Record<string, Resource> = Object.fromEntries(
    Object.entries(raw).map(([id, { Type, Properties = {} }]) => [
      id,
      { type: Type, properties: fill(Properties) as Resource['properties'] },
    ]),
  );
  const ofType = (type: string) =>
    Object.entries(resources).flatMap(([id, resource]) => (resource.type === type ? [{ id, ...resource }] : []));
  const one: Synthesised['one'] = (type, prefix = '') => {
    const [found, ...others] = ofType(type).filter(({ id }) => id.startsWith(`MailCanary${prefix}`));
    if (found === undefined || others.length > 0) throw new Error(`not one ${type} ${prefix}: ${others.length + 1}`);
    return found;
  };
  const folderOf = ({ S3Key }: Asset) => join(to, `asset.${S3Key.replace(/\.zip$/, '')}`);
  const functionOf = (name: FunctionName): Deployable | undefined => {
    const id = `MailCanary${name[0]?.toUpperCase()}${name.slice(1)}`;
    const found = ofType('AWS::Lambda::Function').find((resource) =>
      new RegExp(`^${id}[0-9A-F]{8}$`).test(resource.id),
    );
    if (found === undefined) return undefined;
    const properties = found.properties as unknown as FunctionProperties;
    const layer = folderOf(resources[properties.Layers[0] ?? '']?.properties.Content as Asset);
    const [module = '', handler = ''] = properties.Handler.split('.');
    const code = folderOf(properties.Code);
    const file = readdirSync(code).find((entry) => new RegExp(`^${module}\\.m?js$`).test(entry)) ?? '';
    const role = properties.Role.split('/').at(-1) ?? '';
    return {
      file: join(code, file),
      handler,
      // What a layer holds lies under /opt.
      environment: Object.fromEntries(
        Object.entries(properties.Environment.Variables).map(([key, value]) => [
          key,
          value.replace(/^\/opt\//, `${layer}/`),
        ]),
      ),
      timeout: properties.Timeout * 1000,
      statements: ofType('AWS::IAM::Policy')
        .map((policy) => policy.properties as unknown as PolicyProperties)
        .filter(({ Roles }) => Roles.includes(role))
        .flatMap(({ PolicyDocument }) => PolicyDocument.Statement),
    };
  };
  const functions = Object.fromEntries(
    functionNames.flatMap((name) => {
      const found = functionOf(name);
      return found === undefined ? [] : [[name, found]];
    }),
  );
  return { resources, functions, one };
};
