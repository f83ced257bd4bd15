/** What IAM would say of a call: whether a statement of the role allows it. Actions, resources, `StringEquals`; nothing else is in use. */
import type { Call } from './aws.ts';

type OneOrMore = string | readonly string[];
export type Statement = {
  readonly Effect: string;
  readonly Action: OneOrMore;
  readonly Resource: OneOrMore;
  readonly Condition?: { readonly [operator: string]: Readonly<Record<string, OneOrMore>> };
};

/** What IAM is asked: all of it must be allowed. */
type Question = {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
};

const list = (value: OneOrMore): readonly string[] => (typeof value === 'string' ? [value] : value);
const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(text);

const isAllowed = ({ action, resource, context = {} }: Question, statements: readonly Statement[]): boolean =>
  statements.some(({ Effect, Action, Resource, Condition = {} }) => {
    if (Object.keys(Condition).some((operator) => operator !== 'StringEquals'))
      throw new Error(`only StringEquals is understood here, got ${JSON.stringify(Condition)}`);
    return (
      Effect === 'Allow' &&
      list(Action).some((one) => matches(one, action)) &&
      list(Resource).some((one) => matches(one, resource)) &&
      Object.entries(Condition.StringEquals ?? {}).every(
        ([key, allowed]) => context[key] !== undefined && list(allowed).includes(context[key]),
      )
    );
  });

const here = (service: string, rest: string): string => `arn:aws:${service}:eu-west-1:111122223333:${rest}`;

/** The tags that instances have, and the identity under which SES knows a sender. */
export type World = { readonly tags: Readonly<Record<string, string>>; readonly identity: string };

/**
 * The questions of one call, by the Service Authorization Reference.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
const questionsOf = ({ service, operation, body }: Call, { tags, identity }: World): readonly Question[] => {
  const action = `${service}:${operation}`;
  switch (service) {
    case 'dynamodb':
      return [{ action, resource: here(service, `table/${body.TableName}`) }];
    case 'sqs':
      return [{ action: 'sqs:SendMessage', resource: here(service, `${body.QueueUrl?.split('/').at(-1)}`) }];
    case 'secretsmanager': {
      const id = `${body.SecretId}`;
      return [{ action, resource: id.startsWith('arn:') ? id : here(service, `secret:${id}-AbCdEf`) }];
    }
    case 'monitoring':
      return [
        { action: `cloudwatch:${operation}`, resource: '*', context: { 'cloudwatch:namespace': `${body.Namespace}` } },
      ];
    case 'events':
      return (body.Entries ?? []).map(({ Source = '' }) => ({
        action,
        resource: here(service, 'event-bus/default'),
        context: { 'events:source': Source },
      }));
    case 'ssm': {
      if (/^(Get|Put)Parameter$/.test(operation))
        return [{ action, resource: here(service, `parameter/${body.Name?.replace(/^\//, '')}`) }];
      if (operation !== 'SendCommand') return [{ action, resource: '*' }];
      const context = Object.fromEntries(Object.entries(tags).map(([key, value]) => [`ssm:resourceTag/${key}`, value]));
      return [
        { action, resource: here('ssm', `document/${body.DocumentName}`) },
        ...(body.InstanceIds ?? []).map((id) => ({ action, resource: here('ec2', `instance/${id}`), context })),
      ];
    }
    case 'ses': {
      const { form = {} } = body;
      const context = { 'ses:FromAddress': `${form.Source}` };
      const set = form.ConfigurationSetName;
      return [
        { action, resource: here(service, `identity/${identity}`), context },
        ...(set === undefined ? [] : [{ action, resource: here(service, `configuration-set/${set}`), context }]),
      ];
    }
    default:
      return [{ action, resource: 'nobody knows' }];
  }
};

/** Every question that the role of the function that called does not allow, as `function: action on resource`, each once. */
export const denied = (
  calls: readonly Call[],
  statementsOf: (name: string) => readonly Statement[],
  world: World,
): readonly string[] => [
  ...new Set(
    calls.flatMap((call) =>
      questionsOf(call, world)
        .filter((question) => !isAllowed(question, statementsOf(call.by)))
        .map(({ action, resource }) => `${call.by}: ${action} on ${resource}`),
    ),
  ),
];

/** What the statements of a role allow and none of these calls of its function needed, as `action on resource`. */
export const unneeded = (calls: readonly Call[], statements: readonly Statement[], world: World): readonly string[] => {
  const questions = calls.flatMap((call) => questionsOf(call, world));
  const single = statements.flatMap((statement) =>
    list(statement.Action).flatMap((Action) =>
      list(statement.Resource).map((Resource) => ({ ...statement, Action, Resource })),
    ),
  );
  return single
    .filter((statement) => !questions.some((question) => isAllowed(question, [statement])))
    .map(({ Action, Resource }) => `${Action} on ${Resource}`);
};
