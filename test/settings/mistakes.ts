/** The bad settings files of test/fixtures/settings, each with the lines that it must be answered with. */
import { authKinds } from '../../lambdas/mailbox/auth/index.ts';
import { pathKinds } from '../../lambdas/paths/index.ts';
import { editorSchema, keysOf } from './editor-schema.ts';

const paths = pathKinds
  .map(({ kind }) => kind)
  .sort()
  .join(', ');
const auths = authKinds.map(({ kind }) => kind).join(', ');
const reference = 'must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME';
const topKeys = keysOf(editorSchema).join(', ');
const mailboxKeys = keysOf(editorSchema, 'mailboxes', '*').join(', ');
const imapKeys = keysOf(editorSchema, 'mailboxes', '*', 'imap').join(', ');
const authKeys = keysOf(editorSchema, 'mailboxes', '*', 'auth', 'password').join(', ');
const smtpKeys = keysOf(editorSchema, 'paths', '*', 'smtp').join(', ');
const hostKeys = keysOf(editorSchema, 'hosts', '*').join(', ');
const alarmKeys = keysOf(editorSchema, 'alarms').join(', ');

/** By fixture: the line in the file (0: the file as a whole) and the message. Those that begin with "stack-" are read as for a stack. */
export const mistakes: Readonly<Record<string, readonly (readonly [line: number, message: string])[]>> = {
  'address-with-port': [[9, 'hosts[0].address must be an IP address or a host name, got "10.0.1.11:25"']],
  'address-with-zone': [[9, 'hosts[0].address must be an IP address or a host name, got "fe80::1%eth0"']],
  'missing-label-of-every-object': [
    [
      9,
      'hosts[0].paths[0] needs the label "constructor" on host web-01, since path mta uses {host.labels.constructor}',
    ],
  ],
  'alias-bomb': [[0, 'FILE cannot be read: excessive alias count indicates a resource exhaustion attack']],
  'bad-address-of-mailbox': [
    [3, 'mailboxes.outside.address must be an e-mail address, got "canary at elsewhere.example"'],
  ],
  'bad-ca': [[4, 'mailboxes.outside.imap.tls.ca must be file:PATH of a PEM file']],
  'bad-from': [[7, 'paths.mta.from must be an e-mail address, got "Orders <orders@example.com>"']],
  'bad-host-address': [[9, 'hosts[0].address must be an IP address or a host name, got "10.0.1.11/24"']],
  'bad-host-id': [
    [9, 'hosts[0].id must be a host name of letters, digits, dots, hyphens and underscores, got "web 01"'],
  ],
  'bad-label-name': [
    [9, 'hosts[0].labels.rack no must be the name of a label: letters, digits, dots, hyphens and underscores'],
  ],
  'bad-mailbox-name': [
    [2, 'mailboxes.out/side must be a name for a mailbox of lower-case letters, digits and hyphens, got "out/side"'],
  ],
  'bad-name': [
    [10, 'name must be a name for a monitor of lower-case letters, digits and hyphens, got "Production Mail"'],
  ],
  'bad-path-name': [
    [7, 'paths.Mail Server must be a name for a path of lower-case letters, digits and hyphens, got "Mail Server"'],
  ],
  'bad-runbook': [[10, 'alarms.runbook must be a URL, got "the wiki"']],
  'bad-topic': [[10, 'alarms.page[0] must be the ARN of an SNS topic, got "on-call@example.com"']],
  'bad-url': [
    [
      7,
      'paths.mta.url must be an http or https URL without user and fragment, such as "https://{host.address}/mail-canary", got "ftp://{host.address}/"',
    ],
  ],
  'comments-only': [[0, 'FILE is empty: it must hold mailboxes, paths and hosts']],
  'connections-too-many': [[7, 'paths.mta.connections must be at most 200, got 1000']],
  'connections-zero': [[7, 'paths.mta.connections must be at least 1, got 0']],
  'deliver-within-too-long-in-path': [[7, 'paths.mta.deliverWithin must not be longer than lostAfter']],
  'deliver-within-too-long': [[10, 'deliverWithin must not be longer than lostAfter']],
  'duplicate-host': [[10, 'hosts[1].id must be unique, got "web-01" a second time']],
  'duplicate-keys': [[8, 'the settings are not YAML: map keys must be unique']],
  'duration-in-path': [[7, 'paths.mta.timeout must be between 100 ms and 10 minutes, got "1 hour"']],
  'duration-number': [[10, 'every must be a duration such as "10 minutes" or "90 s", got 600']],
  'duration-too-long': [[10, 'lostAfter must be between 1 s and 4 hours, got "2 days"']],
  'duration-too-short': [[10, 'every must be between 1 minute and 1 day, got "10 s"']],
  'duration-unparsable': [[10, 'every must be a duration such as "10 minutes" or "90 s", got "ten minutes"']],
  'empty-folder-name': [[3, 'mailboxes.outside.folders[0] must be a folder name, got ""']],
  'empty-hosts': [[8, 'hosts must name at least one host: with none, nothing would be watched']],
  'empty-mailboxes': [[1, 'mailboxes must hold at least one mailbox']],
  'empty-paths': [[6, 'paths must hold at least one path']],
  'empty-user': [[7, 'paths.mta.auth.user must be the name to log in with, without control characters']],
  empty: [[0, 'FILE is empty: it must hold mailboxes, paths and hosts']],
  'host-without-id': [[9, 'hosts[0].id is missing: must be the name of a host']],
  'host-without-path': [[9, 'hosts[0] must name at least one path in "paths": mta']],
  'label-is-a-map': [[9, 'hosts[0].labels.rack must be a text, got {"row":7}']],
  'list-as-text': [[9, 'hosts[0].paths must be a list, got "mta"']],
  'list-at-top': [[1, 'the settings must be a map, got a list']],
  'literal-secret-in-channel': [[11, `channels[0].url ${reference}, never the secret itself (not shown)`]],
  'literal-secret-in-path': [[7, `paths.mta.auth.secret ${reference}, never the secret itself (not shown)`]],
  'literal-secret': [[5, `mailboxes.outside.auth.secret ${reference}, never the secret itself (not shown)`]],
  'map-as-list': [[6, 'paths must be a map, got a list']],
  'missing-address': [[9, 'hosts[0] needs an "address", since path mta uses {host.address}']],
  'missing-from': [[7, 'paths.mta.from is missing']],
  'missing-imap-host': [[4, 'mailboxes.outside.imap.host is missing: must be the host name of an IMAP server']],
  'missing-imap': [[2, 'mailboxes.outside.imap is missing']],
  'missing-label': [
    [9, 'hosts[0].paths[0] needs the label "rack" on host web-01, since path mta uses {host.labels.rack}'],
  ],
  'missing-path-kind': [[7, `paths.mta.kind is missing: must be one of ${paths}`]],
  'missing-secret': [[5, `mailboxes.outside.auth.secret is missing: ${reference}`]],
  'missing-user': [[5, 'mailboxes.outside.auth.user is missing: must be the user name of the mailbox']],
  'no-hosts': [[1, 'hosts must name at least one host: with none, nothing would be watched']],
  'no-mailboxes': [[1, 'mailboxes is missing']],
  'no-paths': [[1, 'paths is missing']],
  'not-true-or-false': [[4, 'mailboxes.outside.imap.secure must be true or false, got "maybe"']],
  'not-yaml': [
    [9, 'the settings are not YAML: flow map in block collection must be sufficiently indented and end with a }'],
    [9, 'the settings are not YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  'nothing-after-a-key': [[6, 'paths must be a map, got nothing']],
  'path-called-again': [[7, 'paths.again must not be called "again", which is the name of our own second tries']],
  'per-day-not-whole': [[7, 'paths.mta.perDay must be a whole number, got 1.5']],
  'placeholder-in-from': [[7, 'paths.mta.from must be an e-mail address, got "{host.id}@example.com"']],
  'placeholder-without-host': [
    [7, 'paths.mta has an unknown placeholder: must be {host.id}, {host.address} or {host.labels.NAME}, got {address}'],
  ],
  'port-as-text': [[7, 'paths.mta.port must be a port from 1 to 65535, got "25a"']],
  'port-too-high': [[4, 'mailboxes.outside.imap.port must be a port from 1 to 65535, got 65536']],
  'port-zero': [[7, 'paths.mta.port must be a port from 1 to 65535, got 0']],
  'secret-is-a-number': [[5, `mailboxes.outside.auth.secret ${reference}`]],
  'stack-channel-env': [
    [
      11,
      'channels[0].url must be secretsmanager:NAME or ssm:NAME in a stack, got "env:", which exists on this machine only',
    ],
  ],
  'stack-path-leaves-from-lambda': [
    [
      9,
      'hosts[0].paths[0] must not be "mta": from a stack its mail leaves from Lambda and proves the relay, not web-01; use {host.address} in its host, or name it for the pseudo-host "monitor"',
    ],
  ],
  'stack-port-25': [
    [
      7,
      'paths.mta.port must not be 25 in a stack: outbound port 25 is blocked from Lambda outside a VPC; use 587 or 465, put "send" into a "network", or run "watch" on a machine inside the network',
    ],
  ],
  'stack-secret-env': [
    [
      5,
      'mailboxes.outside.auth.secret must be secretsmanager:NAME or ssm:NAME in a stack, got "env:", which exists on this machine only',
    ],
  ],
  'stack-secret-file': [
    [
      5,
      'mailboxes.outside.auth.secret must be secretsmanager:NAME or ssm:NAME in a stack, got "file:", which exists on this machine only',
    ],
  ],
  tabs: [[2, 'the settings are not YAML: tabs are not allowed as indentation']],
  'text-at-top': [[1, 'the settings must be a map, got "hello"']],
  'two-documents': [[10, 'the settings are not YAML: a second document begins here']],
  'two-mistakes': [
    [4, 'mailboxes.outside.imap.port must be a port from 1 to 65535, got 0'],
    [7, `paths.mta.kind must be one of ${paths}, got "fax"`],
  ],
  'unknown-auth-kind': [[5, `mailboxes.outside.auth.kind must be one of ${auths}, got "oauth3"`]],
  'unknown-channel-kind': [[11, 'channels[0].kind must be one of webhook, got "pager"']],
  'unknown-channel-preset': [[11, 'channels[0].preset must be one of json, slack, got "irc"']],
  'unknown-key-alarms': [[10, `alarms.runbok is not a setting: may be one of ${alarmKeys}`]],
  'unknown-key-auth': [[5, `mailboxes.outside.auth.password is not a setting: may be one of ${authKeys}`]],
  'unknown-key-host': [[9, `hosts[0].ip is not a setting: may be one of ${hostKeys}`]],
  'unknown-key-imap': [[4, `mailboxes.outside.imap.ssl is not a setting: may be one of ${imapKeys}`]],
  'unknown-key-mailbox': [[3, `mailboxes.outside.folder is not a setting: may be one of ${mailboxKeys}`]],
  'unknown-key-of-another-kind': [[7, `paths.mta.url is not a setting: may be one of ${smtpKeys}`]],
  'unknown-key-path': [[7, `paths.mta.relay is not a setting: may be one of ${smtpKeys}`]],
  'unknown-key-top': [[10, `everyone is not a setting: may be one of ${topKeys}`]],
  'unknown-mailbox-name': [
    [9, 'hosts[0].mailboxes[1] names no mailbox of the settings: must be one of outside, got "inside"'],
  ],
  'unknown-path-kind': [[7, `paths.mta.kind must be one of ${paths}, got "fax"`]],
  'unknown-path-name': [[9, 'hosts[0].paths[1] names no path of the settings: must be one of mta, got "app"']],
  'unknown-placeholder': [
    [7, 'paths.mta has an unknown placeholder: must be {host.id}, {host.address} or {host.labels.NAME}, got {host.ip}'],
  ],
  'unknown-timezone': [[10, 'timezone must be a time zone such as Europe/London, got "Europe/Lundon"']],
  'url-with-password': [
    [
      7,
      'paths.mta.url must be an http or https URL without user and fragment, such as "https://{host.address}/mail-canary", got "https://***@{host.address}/"',
    ],
  ],
};
