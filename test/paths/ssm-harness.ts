/** What the tests of the `ssm` path share: hosts, canaries, and Systems Manager as an HTTP endpoint in front of the real SDK client. */
import { type ListCommandInvocationsRequest, type SendCommandRequest, SSMClient } from '@aws-sdk/client-ssm';
import { onTestFinished } from 'vitest';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import type { Outgoing } from '../../lambdas/core/ports.ts';
import type { HostFacts } from '../../lambdas/core/words.ts';
import type { PathContext } from '../../lambdas/paths/kind.ts';
import type { SsmPath } from '../../lambdas/paths/ssm/settings.ts';
import { fill } from '../../lambdas/settings/template.ts';
import { type AwsAnswer, type AwsCall, awsEndpoint } from '../servers/aws-endpoint.ts';
import { pathContext } from './context.ts';

export const slot = 29_000_000;
export const sentAt = 1_800_000_000_123;

export const hostOf = (change: Partial<HostFacts> = {}): HostFacts => ({
  id: 'web-03',
  address: '10.0.1.17',
  paths: ['machine'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: { instance: instanceAt(3) },
  ...change,
});

export const instanceAt = (n: number): string => `i-${n.toString(16).padStart(17, '0')}`;

const key = keyOf('test');

export const canaryOf = (host: HostFacts, mailbox = 'outside', size?: number): Outgoing => ({
  host,
  mail: mint(`${host.id}/machine/${mailbox}`, slot, sentAt, key, {
    from: 'orders@example.com',
    to: `canary-${mailbox}@elsewhere.example`,
    autoSubmitted: true,
    size,
  }),
});

/** Hosts from number `first`, one canary each to every mailbox. */
export const fleet = (count: number, mailboxes: readonly string[] = ['outside'], first = 0): Outgoing[] =>
  Array.from({ length: count }, (_, n) =>
    hostOf({ id: `web-${first + n}`, labels: { instance: instanceAt(first + n) } }),
  ).flatMap((host) => mailboxes.map((mailbox) => canaryOf(host, mailbox)));

export const settingsOf = (change: Partial<SsmPath> = {}): SsmPath => ({
  via: 'smtp',
  relay: { host: 'mail-gw', port: 25, tls: 'none' },
  tags: { role: 'web' },
  timeout: 30_000,
  ...change,
});

export type Call = AwsCall<SendCommandRequest & ListCommandInvocationsRequest>;

/** A Systems Manager that answers as told, and the context of a path that leads to it. */
export const systemsManager = async (
  answer: (call: Call, index: number) => AwsAnswer,
): Promise<{ readonly calls: readonly Call[]; readonly context: PathContext }> => {
  const aws = await awsEndpoint(answer);
  onTestFinished(aws.close);
  const client = new SSMClient({ ...aws.config, maxAttempts: 1 });
  const context = pathContext({
    name: 'machine',
    monitor: 'production',
    fill: (template, host) => fill(template, host, { allowLocal: false }),
    aws: { ses: () => Promise.reject(new Error('no SES')), ssm: async () => client },
  });
  return { calls: aws.calls, context };
};

/** A command that was taken; every call gets another id. */
export const taken = (_: Call, index: number): AwsAnswer => ({ body: { Command: { CommandId: `command-${index}` } } });
