/** The note function: what SES and the hosts themselves say of canaries. Made only for paths that have something to say. */
import { CfnOutput, Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { FunctionUrlAuthType, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Need, StackPart } from '../lambdas/paths/kind.ts';
import { addFunction, type FunctionProps } from './function.ts';
import { grantNeeds } from './grants.ts';
import { addSesEvents } from './ses.ts';

export type NoteProps = Pick<FunctionProps, 'code' | 'layer' | 'logRetention' | 'environment' | 'network'> & {
  /** The monitor. */
  readonly monitor: string;
  readonly parts: readonly StackPart[];
  /** What it may do with the table, and that it may read the signing key. */
  readonly needs: readonly Need[];
  readonly deadLetters: IQueue;
};

export type NoteAndSecret = {
  readonly fn: IFunction;
  /** From which the keys of heartbeat hosts are derived; undefined without such a path. */
  readonly heartbeat: Secret | undefined;
};

/** Adds the function with its triggers; undefined when no path needs it. */
export function addNote(scope: Construct, props: NoteProps): NoteAndSecret | undefined {
  const { monitor, parts, needs, deadLetters, environment, ...common } = props;
  const tellings = parts.includes('note-url');
  const configurationSetNames = parts.flatMap((part) =>
    part.startsWith('ses-events:') ? [part.slice('ses-events:'.length).replaceAll('{monitor}', monitor)] : [],
  );
  if (!tellings && configurationSetNames.length === 0) return undefined;
  const heartbeat = tellings ? addHeartbeatSecret(scope, monitor) : undefined;
  const { fn, role } = addFunction(scope, 'Note', {
    ...common,
    name: 'note',
    description: 'Mail Canary: writes down what SES and the hosts themselves say of canaries',
    timeout: Duration.seconds(20),
    memory: 256,
    // An event of SES comes once; a note that is written twice is one note.
    again: { attempts: 2, maxAge: Duration.minutes(10) },
    environment: {
      ...environment,
      ...(heartbeat === undefined ? {} : { MAIL_CANARY_HEARTBEAT_SECRET: heartbeat.secretArn }),
    },
  });
  grantNeeds(role, [
    ...needs,
    ...(heartbeat === undefined
      ? []
      : [{ actions: ['secretsmanager:GetSecretValue'], resources: [heartbeat.secretArn] }]),
  ]);
  if (tellings) {
    // Hosts have no AWS credentials: every telling is signed with the host's own key, and the function refuses all others.
    const url = fn.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    new CfnOutput(scope, 'NoteUrl', { description: 'The noteUrl of heartbeat paths', value: url.url });
    new CfnOutput(scope, 'HeartbeatKey', {
      description: 'For npm run enroll: --secret',
      value: heartbeat?.secretArn ?? '',
    });
  }
  addSesEvents(scope, 'SesEvents', { monitor, noteFunction: fn, deadLetters, configurationSetNames });
  return { fn, heartbeat };
}

function addHeartbeatSecret(scope: Construct, monitor: string): Secret {
  const secret = new Secret(scope, 'HeartbeatSecret', {
    description: `The keys of hosts that send by their own clock are derived from it (Mail Canary ${monitor})`,
    generateSecretString: { passwordLength: 64, excludePunctuation: true },
    removalPolicy: RemovalPolicy.RETAIN,
  });
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason: 'A rotation would disenrol every host; a single host is revoked with npm run enroll -- HOST --revoke',
  });
  return secret;
}
