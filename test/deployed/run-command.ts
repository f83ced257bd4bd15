/** Systems Manager as functions see it: takes what the template's document admits, and runs its Linux step on this machine. */
import { execFile } from 'node:child_process';
import type { Answers } from './aws.ts';
import type { Synthesised } from './template.ts';

type Parameter = { readonly default?: string; readonly allowedPattern: string; readonly interpolationType?: string };
type Document = {
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly mainSteps: readonly {
    readonly action: string;
    readonly inputs: { readonly runCommand: readonly string[] };
  }[];
};

/** What reaches a step, as the service checks it and the agent sets it. */
const variablesOf = (
  { parameters }: Document,
  given: Readonly<Record<string, readonly string[]>>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(parameters).flatMap(([name, { default: fallback, allowedPattern, interpolationType }]) => {
      const value = given[name]?.[0] ?? fallback;
      if (value === undefined || !new RegExp(allowedPattern).test(value)) throw new Error(`InvalidParameters: ${name}`);
      return interpolationType === 'ENV_VAR' ? [[`SSM_${name}`, value]] : [];
    }),
  );

const runs = (script: string, env: Record<string, string>): Promise<{ output: string; failed: boolean }> =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH ?? '', ...env }, timeout: 60_000 };
    execFile('sh', ['-c', script], options, (error, stdout) => resolve({ output: stdout, failed: error !== null }));
  });

/** Answers SendCommand and ListCommandInvocations; the agents of `offline` take no command. */
export const runCommand =
  (offline: readonly string[] = []) =>
  (template: Synthesised): Answers => {
    const { properties } = template.one('AWS::SSM::Document');
    const content = properties.Content as Document;
    const step = content.mainSteps.find(({ action }) => action === 'aws:runShellScript')?.inputs.runCommand.join('\n');
    const commands = new Map<string, readonly { readonly id: string; readonly ran: ReturnType<typeof runs> }[]>();
    return async ({ operation, body }) => {
      if (operation === 'SendCommand') {
        if (body.DocumentName !== properties.Name) return { status: 400, error: 'InvalidDocument' };
        const CommandId = `11111111-2222-3333-4444-${String(commands.size).padStart(12, '0')}`;
        const variables = variablesOf(content, body.Parameters ?? {});
        const { InstanceIds = [] } = body;
        const online = InstanceIds.filter((id) => !offline.includes(id));
        const begin = (id: string) => ({ id, ran: runs(step ?? '', { ...variables, AWS_SSM_INSTANCE_ID: id }) });
        commands.set(CommandId, online.map(begin));
        return { body: { Command: { CommandId, InstanceIds } } };
      }
      if (operation !== 'ListCommandInvocations') return undefined;
      const done = (commands.get(body.CommandId ?? '') ?? []).map(async ({ id, ran }) => {
        const { output, failed } = await ran;
        const status = failed ? 'Failed' : 'Success';
        const CommandPlugins = [{ Name: 'sendFromLinux', Output: output }];
        return { InstanceId: id, Status: status, StatusDetails: status, CommandPlugins };
      });
      const missed = offline.map((id) => ({ InstanceId: id, Status: 'TimedOut', StatusDetails: 'DeliveryTimedOut' }));
      return { body: { CommandInvocations: [...(await Promise.all(done)), ...missed] } };
    };
  };
