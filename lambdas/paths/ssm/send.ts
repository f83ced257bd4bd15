/** One command for up to 50 instances; each of them picks its own canaries out of the payload and sends them. */
import type { SendCommandCommandInput } from '@aws-sdk/client-ssm';
import type { Cause } from '../../core/causes.ts';
import type { Outgoing, Wave } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { Handover } from '../../core/words.ts';
import type { PathContext } from '../kind.ts';
import { documentName, instanceOf } from './instance.ts';
import { type Addressed, commandsOf, longest, payloadOf } from './payload.ts';
import type { SsmPath } from './settings.ts';

/** Calls of SendCommand for one lane: one, and more only after an answer that blames single instances. */
const mostCalls = 16;

/** An agent that takes a command later than this would send an old canary. AWS allows no less than 30. */
const deliverySeconds = 60;

/** How long the host may take for one canary. */
const secondsOf = ({ timeout = 30_000 }: SsmPath): number => Math.max(5, Math.ceil(timeout / 1000));

const parametersOf = (settings: SsmPath, group: readonly Addressed[]): Record<string, string[]> => {
  const counts = new Map<string, number>();
  for (const { instance } of group) counts.set(instance, (counts.get(instance) ?? 0) + 1);
  // Linux sends them side by side, Windows one after the other; afterwards the host's own queue is looked at.
  const seconds = secondsOf(settings);
  const { relay } = settings;
  return {
    payload: [payloadOf(group)],
    via: [settings.via],
    seconds: [String(seconds)],
    executionTimeout: [String(seconds * Math.max(...counts.values()) + 60)],
    ...(settings.via === 'smtp' && relay !== undefined
      ? { relay: [relay.host], port: [String(relay.port)], tls: [relay.tls] }
      : {}),
    ...(settings.runAs === undefined ? {} : { runAs: [settings.runAs] }),
  };
};

const inputOf = (settings: SsmPath, context: PathContext, group: readonly Addressed[]): SendCommandCommandInput => ({
  DocumentName: documentName(context.monitor),
  DocumentVersion: '$LATEST',
  InstanceIds: [...new Set(group.map(({ instance }) => instance))],
  Parameters: parametersOf(settings, group),
  // The default of 0 would end the wave at the first host that fails.
  MaxErrors: '100%',
  MaxConcurrency: '100%',
  TimeoutSeconds: deliverySeconds,
  Comment: `Mail Canary ${context.monitor}: ${group.length} test mails, path ${context.name}`.slice(0, 100),
});

const unsent = ({ mail }: Pick<Outgoing, 'mail'>, cause: Cause, words: string): Handover => ({
  state: 'unsent',
  cause,
  sentAt: mail.sentAt,
  evidence: asEvidence(words),
});

type Failure = { readonly cause: Cause; readonly words: string; readonly single: boolean };

/** Why Systems Manager took no command; `single` where it may be for one instance, and the others would have been taken. */
const failureOf = (error: unknown, context: PathContext, deadline: AbortSignal): Failure => {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const said = `Systems Manager says ${name}: ${message}`;
  if (deadline.aborted)
    return { cause: 'sender-failed', words: 'no answer from Systems Manager before the deadline', single: false };
  // Its documentation: the agent is not running or not registered, or the instance is terminated or of another account.
  if (name === 'InvalidInstanceId') return { cause: 'agent-offline', words: said, single: true };
  if (name === 'AccessDeniedException' || name === 'AccessDenied') {
    const single = /\b(managed-)?instance\/m?i-/.test(message);
    const tag = single ? '; an instance needs the "tags" of the path' : '';
    return { cause: 'trigger-unauthorised', words: `${said}${tag}`, single };
  }
  if (name === 'InvalidDocument')
    return {
      cause: 'sender-failed',
      words: `${said}; the stack of monitor ${context.monitor} makes ${documentName(context.monitor)}, in its own account and Region only`,
      single: false,
    };
  return { cause: 'sender-failed', words: said, single: false };
};

/** The canaries of the instances that an answer names. */
const named = (words: string, group: readonly Addressed[]): readonly Addressed[] => {
  const ids = new Set(words.slice(0, 20_000).match(/\bm?i-[0-9a-f]{8,17}\b/g) ?? []);
  return group.filter(({ instance }) => ids.has(instance));
};

/** Opens the path: no client is made until a batch is sent. */
export const openSsm = (settings: SsmPath, context: PathContext): Wave => ({
  wave: async (canaries, deadline) => {
    const told = new Map<CanaryOf, Handover>();
    const ready = canaries.flatMap((canary): Addressed[] => {
      const { mail, host } = canary;
      const found = instanceOf(settings, context.name, host, context.fill);
      const sized = mail.size === undefined ? undefined : 'an attachment does not fit into a command';
      if ('missing' in found || sized !== undefined) {
        told.set(mail, unsent(canary, 'sender-failed', 'missing' in found ? found.missing : `${sized}`));
        return [];
      }
      return [{ mail, instance: found.instance }];
    });

    const { SendCommandCommand } = await import('@aws-sdk/client-ssm');
    const give = (group: readonly Addressed[], cause: Cause, words: string) => {
      for (const one of group) told.set(one.mail, unsent(one, cause, words));
    };
    /** One attempt; after an answer that blames single instances, one more without them (or with each half). */
    const command = async (group: readonly Addressed[], calls: { left: number }): Promise<void> => {
      if (group.length === 0) return;
      if (deadline.aborted) return give(group, 'sent-too-late', 'the deadline had passed before they were commanded');
      if (calls.left === 0)
        return give(
          group,
          'sender-failed',
          `not commanded: one instance that Systems Manager refuses makes it refuse a whole command, and ${mostCalls} calls were made without it taking one`,
        );
      calls.left -= 1;
      try {
        const client = await context.aws.ssm();
        const input = new SendCommandCommand(inputOf(settings, context, group));
        const { Command } = await client.send(input, { abortSignal: deadline });
        const id = Command?.CommandId;
        if (id === undefined) return give(group, 'sender-failed', 'Systems Manager took a command and named no id');
        for (const { mail } of group)
          told.set(mail, { state: 'commanded', sentAt: mail.sentAt, command: id.slice(0, 100) });
      } catch (error) {
        const { cause, words, single } = failureOf(error, context, deadline);
        const blamed = single ? named(words, group) : [];
        if (!single || new Set(group.map(({ instance }) => instance)).size === 1) return give(group, cause, words);
        if (blamed.length > 0) {
          give(blamed, cause, words);
          return command(
            group.filter((one) => !blamed.includes(one)),
            calls,
          );
        }
        const instances = [...new Set(group.map(({ instance }) => instance))];
        const some = new Set(instances.slice(0, Math.ceil(instances.length / 2)));
        await command(
          group.filter(({ instance }) => some.has(instance)),
          calls,
        );
        await command(
          group.filter(({ instance }) => !some.has(instance)),
          calls,
        );
      }
    };
    await Promise.all(
      commandsOf(ready).map((group) => {
        if (payloadOf(group).length > longest)
          return give(group, 'sender-failed', `the mail is longer than a command may be (${longest} characters)`);
        return command(group, { left: mostCalls });
      }),
    );
    return canaries.map(
      (canary) => told.get(canary.mail) ?? unsent(canary, 'sender-failed', 'it was in no command: a bug of ours'),
    );
  },
});

type CanaryOf = Outgoing['mail'];
