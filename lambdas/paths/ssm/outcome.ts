/** What became of commanded canaries: asked once for each command, read from the lines that the steps print. */
import type { CommandInvocation, SSMClient } from '@aws-sdk/client-ssm';
import { canaryId } from '../../core/canary.ts';
import type { Cause } from '../../core/causes.ts';
import type { Commanded, Outcomes } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { Handover, RouteId } from '../../core/words.ts';
import type { PathContext } from '../kind.ts';
import { instanceOf } from './instance.ts';
import { handoverOf, type Line, lineOf } from './lines.ts';
import type { SsmPath } from './settings.ts';

/** A command has at most 50 invocations, which is one page; more pages than this are a mistake of somebody. */
const mostPages = 10;

/** Every invocation of a command, by instance. Throws when the API refuses. */
const invocationsOf = async (client: SSMClient, command: string): Promise<Map<string, CommandInvocation>> => {
  const { ListCommandInvocationsCommand } = await import('@aws-sdk/client-ssm');
  const found = new Map<string, CommandInvocation>();
  let next: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const answer = await client.send(
      new ListCommandInvocationsCommand({ CommandId: command, Details: true, MaxResults: 50, NextToken: next }),
    );
    for (const one of answer.CommandInvocations ?? []) found.set(one.InstanceId ?? '', one);
    next = answer.NextToken;
    if (next === undefined || next === '') return found;
  }
  throw new Error(`Systems Manager lists more than ${mostPages} pages of invocations of command ${command}`);
};

/** The API writes "Delivery Timed Out" in its documentation and "DeliveryTimedOut" in its answers. */
const statusOf = ({ StatusDetails, Status }: CommandInvocation): string =>
  (StatusDetails ?? Status ?? '').replace(/[\s-]/g, '').toLowerCase();

/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html: it was never run, or not to its end. */
const notRun: Readonly<Record<string, readonly [Cause, string]>> = {
  deliverytimedout: ['agent-offline', 'the agent did not take the command in time'],
  undeliverable: ['agent-offline', 'the command could not be delivered to the agent'],
  terminated: ['agent-offline', 'the command was ended before it reached the agent'],
  cancelled: ['agent-offline', 'somebody cancelled the command'],
  invalidplatform: ['sender-failed', 'the document has no step for the platform of this host'],
  accessdenied: ['trigger-unauthorised', 'Systems Manager refuses the command for this host'],
  ratelimitexceeded: ['sender-failed', 'Systems Manager had too many commands at once'],
  rateexceeded: ['sender-failed', 'Systems Manager had too many commands at once'],
};

/** Nothing is known yet. */
const underWay: readonly string[] = ['', 'pending', 'inprogress', 'delayed', 'cancelling'];

const outputOf = ({ CommandPlugins = [] }: CommandInvocation): string =>
  CommandPlugins.map(({ Output = '' }) => Output.slice(0, 24_000)).join('\n');

/** The step of the other platform is always skipped; here every step is. */
const isSkipped = ({ CommandPlugins = [] }: CommandInvocation): boolean =>
  CommandPlugins.length > 0 &&
  CommandPlugins.every(({ Output = '' }) => /skipped due to unsatisfied/i.test(Output.slice(0, 500)));

/** The canary's own line; a line without an id is about all canaries of the host. */
const lineFor = (output: string, id: string): Line | undefined => {
  const lines = output.split('\n').flatMap((text) => lineOf(text) ?? []);
  return lines.find((line) => line.id === id) ?? lines.find((line) => line.id === '-');
};

/** What an invocation says of one canary; undefined while it is under way. */
const outcomeOf = (settings: SsmPath, canary: Commanded, invocation: CommandInvocation): Handover | undefined => {
  const { sentAt, command } = canary.handover;
  const said = { sentAt, command };
  const status = statusOf(invocation);
  if (underWay.includes(status)) return undefined;
  const output = outputOf(invocation);
  const line = lineFor(output, canaryId(canary.route, canary.slot));
  if (line !== undefined) return handoverOf(settings, canary.host.id, said, line);
  const [cause, words] = notRun[status] ?? [];
  if (cause !== undefined) return { state: 'unsent', cause, ...said, evidence: words };
  const printed = output.trim() === '' ? '' : `; it printed: ${output.trim()}`;
  if (isSkipped(invocation))
    return { state: 'unsent', cause: 'sender-failed', ...said, evidence: 'the document has no step for this platform' };
  // It ran, and did not come so far as to say what it did: it may have sent the mail.
  if (status === 'executiontimedout' || /output truncated/i.test(output) || status === 'success')
    return {
      state: 'unanswered',
      ...said,
      evidence: asEvidence(`the command ended on the host (${status}) without a line for this canary${printed}`),
    };
  const evidence = asEvidence(`the command failed on the host (${status})${printed}`);
  return { state: 'unsent', cause: 'sender-failed', ...said, evidence };
};

/** Asks Systems Manager. Rejects when it refuses; what is under way or not listed yet is left out. */
export const ssmOutcomes =
  (settings: SsmPath, context: PathContext): Outcomes =>
  async (overdue) => {
    const client = await context.aws.ssm();
    const outcomes = new Map<RouteId, Handover>();
    const commands = Map.groupBy(overdue, ({ handover }) => handover.command);
    for (const [command, canaries] of commands) {
      if (command === undefined) continue;
      const invocations = await invocationsOf(client, command);
      for (const canary of canaries) {
        const found = instanceOf(settings, context.name, canary.host, context.fill);
        const invocation = 'instance' in found ? invocations.get(found.instance) : undefined;
        const outcome = invocation === undefined ? undefined : outcomeOf(settings, canary, invocation);
        if (outcome !== undefined) outcomes.set(canary.route, outcome);
      }
    }
    return outcomes;
  };
