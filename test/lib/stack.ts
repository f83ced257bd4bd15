/** A stack with one monitor for the tests of lib/, and its template in words that a test can compare. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { functionNames } from '../../lib/bundles.ts';
import { MailCanary } from '../../lib/mail-canary.ts';
import { packageRoot } from '../../lib/package-root.ts';
import type { StackSettings } from '../../lib/stack-settings.ts';

export const cdkJson = JSON.parse(readFileSync(join(packageRoot, 'cdk.json'), 'utf8')) as {
  readonly app: string;
  readonly context: Readonly<Record<string, unknown>>;
};

export const settings: StackSettings = {
  name: 'production',
  pathNeeds: [
    { actions: ['ses:SendRawEmail'], resources: ['arn:aws:ses:eu-west-1:111122223333:identity/example.com'] },
  ],
  pathSecrets: ['secretsmanager:mail-canary/app', 'ssm:/mail-canary/mta', 'secretsmanager:mail-canary/app'],
  outcomeNeeds: [],
  parts: [],
  mailboxSecrets: ['secretsmanager:mail-canary/outside', 'ssm:inside'],
  mailboxWrites: ['ssm:inside'],
  mailboxNeeds: [{ actions: ['sts:GetCallerIdentity'], resources: ['arn:aws:iam::111122223333:role/mailbox'] }],
  json: { name: 'production', every: 600_000 },
};

/** Stack tests do not bundle: a handler that does nothing stands in for each function. */
export const dummyCode = mkdtempSync(join(tmpdir(), 'mail-canary-code-'));
for (const name of functionNames) {
  mkdirSync(join(dummyCode, name));
  writeFileSync(join(dummyCode, name, 'index.mjs'), `export const handler = async () => '${name}';\n`);
}
process.on('exit', () => rmSync(dummyCode, { recursive: true, force: true }));

export type Properties = Readonly<Record<string, unknown>>;
export type Resource = {
  readonly Type: string;
  readonly Properties: Properties;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
};

export type Synthesised = {
  readonly app: App;
  readonly stack: Stack;
  readonly monitor: MailCanary;
  readonly template: Template;
  /** Resources by their names in the construct: `Table`, `PlanRole`. References read `{Table}` and `{Table.Arn}`. */
  readonly resources: Readonly<Record<string, Resource>>;
};

/** Synthesises the monitor; `context` is cdk.json's unless given. */
export function synthesise(
  over: Partial<StackSettings> = {},
  context: Readonly<Record<string, unknown>> = cdkJson.context,
): Synthesised {
  const app = new App({ context: { ...context } });
  const stack = new Stack(app, 'Stack', { env: { account: '111122223333', region: 'eu-west-1' } });
  const monitor = new MailCanary(stack, 'MailCanary', { settings: { ...settings, ...over }, code: dummyCode });
  const template = Template.fromStack(stack);
  const raw = template.toJSON().Resources as Readonly<Record<string, unknown>>;
  const resources = Object.fromEntries(
    Object.entries(raw).map(([id, resource]) => [nameOf(id), readable(resource) as Resource]),
  );
  return { app, stack, monitor, template, resources };
}

/** Every resource of a CloudFormation type, by name. */
export const ofType = (resources: Synthesised['resources'], type: string): [name: string, resource: Resource][] =>
  Object.entries(resources).filter(([, resource]) => resource.Type === type);

/** The properties of the one resource with this name. */
export function properties({ resources }: Pick<Synthesised, 'resources'>, name: string): Properties {
  const resource = resources[name];
  if (resource === undefined) throw new Error(`no ${name} among ${Object.keys(resources).join(', ')}`);
  return resource.Properties;
}

const nameOf = (logicalId: string) => logicalId.replace(/^MailCanary(.+)[0-9A-F]{8}$/, '$1');

/** References and joins become strings, so that an ARN in a template reads as one. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const [[key, argument] = ['', undefined], ...others] = Object.entries(value);
  if (others.length === 0 && key === 'Ref') return argument === 'AWS::Partition' ? 'aws' : `{${nameOf(`${argument}`)}}`;
  if (others.length === 0 && key === 'Fn::GetAtt' && Array.isArray(argument)) {
    return `{${nameOf(`${argument[0]}`)}.${argument[1]}}`;
  }
  if (others.length === 0 && key === 'Fn::Join' && Array.isArray(argument)) {
    return (readable(argument[1]) as unknown[]).join(`${argument[0]}`);
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
}
