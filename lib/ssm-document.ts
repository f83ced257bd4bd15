/** The document of the `ssm` path: one step for Linux, one for Windows, and parameters that no shell can take for code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnDocument } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { documentName } from '../lambdas/paths/ssm/instance.ts';
import { longest } from '../lambdas/paths/ssm/payload.ts';
import { packageRoot } from './package-root.ts';

const read = (name: string): string =>
  readFileSync(join(packageRoot, 'lambdas', 'paths', 'ssm', 'steps', name), 'utf8');

/** Run Command runs one script a step: the parts of the Linux one, in their order. */
const linuxParts = ['begin.sh', 'smtp.sh', 'sendmail.sh', 'ses.sh', 'send.sh'] as const;

/**
 * A parameter that reaches a step as the environment variable `SSM_<name>`, never as text of the script.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html
 * An agent before 3.3.2746.0 knows no `interpolationType`: it sets no variable, and pastes only where a step has braces;
 * ours have none. Should one ever have: the pattern admits nothing that a shell reads as more than a word.
 */
const word = (description: string, allowedPattern: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'String',
  description,
  allowedPattern,
  interpolationType: 'ENV_VAR',
  ...more,
});

const parameters = {
  payload: word('The canaries: a template, and what differs for each instance.', '^[A-Za-z0-9._=@+-]+$', {
    minChars: 1,
    maxChars: longest,
  }),
  via: word('What the host sends with.', '^(sendmail|smtp|ses)$', { allowedValues: ['sendmail', 'smtp', 'ses'] }),
  relay: word('The relay, as the host reaches it.', '^[A-Za-z0-9.-]{1,253}$', { default: '-' }),
  port: word('The port of the relay.', '^[0-9]{1,5}$', { default: '25' }),
  tls: word('TLS with the relay.', '^(none|starttls)$', { allowedValues: ['none', 'starttls'], default: 'none' }),
  runAs: word('The user who sends, on Linux.', '^([A-Za-z_][A-Za-z0-9_.-]{0,31}|-)$', { default: '-' }),
  seconds: word('How long one canary may take.', '^[0-9]{1,3}$', { default: '30' }),
  // Fills a number of the plugin, never a script; ENV_VAR would not reach it.
  executionTimeout: {
    type: 'String',
    description: 'How long the whole command may take on a host, in seconds.',
    allowedPattern: '^[1-9][0-9]{0,4}$',
    default: '120',
  },
};

const step = (action: string, name: string, platform: string, script: string) => ({
  action,
  name,
  precondition: { StringEquals: ['platformType', platform] },
  inputs: { timeoutSeconds: '{{ executionTimeout }}', runCommand: script.trimEnd().split('\n') },
});

/** The content of the document (schema 2.2), as Systems Manager takes it. */
export const ssmDocumentContent = (monitor: string) => ({
  schemaVersion: '2.2',
  description: `Mail Canary ${monitor}: this host sends its own test mails and says what came of them.`,
  parameters,
  mainSteps: [
    step('aws:runShellScript', 'sendFromLinux', 'Linux', linuxParts.map(read).join('\n')),
    step('aws:runPowerShellScript', 'sendFromWindows', 'Windows', read('send.ps1')),
  ],
});

/** Adds the document that the `ssm` paths of a monitor command; its name is what their permissions are for. */
export function addSsmDocument(scope: Construct, id: string, { monitor }: { readonly monitor: string }): CfnDocument {
  return new CfnDocument(scope, id, {
    name: documentName(monitor),
    documentType: 'Command',
    documentFormat: 'JSON',
    // A document with a name of its own cannot be replaced.
    updateMethod: 'NewVersion',
    content: ssmDocumentContent(monitor),
  });
}
