/** Systems Manager in miniature, for the real SDK client: it checks parameters by the document, runs them on the hosts, and keeps the output. */
import { type SendCommandRequest, SSMClient } from '@aws-sdk/client-ssm';
import { ssmDocumentContent } from '../../lib/ssm-document.ts';
import type { AwsAnswer } from '../servers/aws-endpoint.ts';
import { awsEndpoint } from '../servers/aws-endpoint.ts';
import type { Given, Host, Ran } from './ssm-hosts.ts';

type Parameter = { readonly default?: string; readonly allowedPattern: string; readonly interpolationType?: string };
const parameters: Readonly<Record<string, Parameter>> = ssmDocumentContent('lab').parameters;

export type Service = {
  readonly client: SSMClient;
  /** Waits until every command has run everywhere. Resolves with what each host printed. */
  settled(): Promise<ReadonlyMap<string, Ran>>;
  close(): Promise<void>;
};

/** What of the parameters reaches a step, as the service checks it and the agent sets it. */
const variablesOf = (given: Readonly<Record<string, readonly string[]>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(parameters).flatMap(([name, { default: fallback, allowedPattern, interpolationType }]) => {
      const value = given[name]?.[0] ?? fallback;
      if (value === undefined || !new RegExp(allowedPattern).test(value)) throw new Error(`InvalidParameters: ${name}`);
      return interpolationType === 'ENV_VAR' ? [[name, value]] : [];
    }),
  );

/** Output is cut as ListCommandInvocations cuts it. */
const kept = (output: string) => (output.length > 2500 ? `${output.slice(0, 2476)}---Output truncated---` : output);

export const startService = async (hosts: readonly Host[], how: Omit<Given, 'parameters'> = {}): Promise<Service> => {
  const running = new Map<string, Promise<Ran>>();
  const done = new Map<string, Ran>();
  const aws = await awsEndpoint<SendCommandRequest>(({ operation, body }): AwsAnswer => {
    if (operation === 'SendCommand') {
      const variables = variablesOf(body.Parameters ?? {});
      for (const host of hosts.filter(({ instance }) => body.InstanceIds?.includes(instance)))
        running.set(
          host.instance,
          host.run({ ...how, parameters: variables }).then((ran) => {
            done.set(host.instance, ran);
            return ran;
          }),
        );
      return { body: { Command: { CommandId: '11111111-2222-3333-4444-555555555555' } } };
    }
    const CommandInvocations = hosts.map(({ instance }) => {
      const ran = done.get(instance);
      const status = ran === undefined ? 'InProgress' : ran.status === 0 ? 'Success' : 'Failed';
      const CommandPlugins = [{ Name: 'sendFromLinux', Output: kept(ran?.output ?? '') }];
      return { InstanceId: instance, Status: status, StatusDetails: status, CommandPlugins };
    });
    return { body: { CommandInvocations } };
  });
  return {
    client: new SSMClient(aws.config),
    settled: async () => {
      await Promise.all(running.values());
      return done;
    },
    close: aws.close,
  };
};
