/** The paths as they are deployed: bundles, environment, layer, roles and document of the template, against local AWS endpoints. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRelay } from '../../demo/servers/relay.ts';
import { canaryId } from '../../lambdas/core/canary.ts';
import { fleetKey, hostKey, signTelling } from '../../lambdas/core/enrolment.ts';
import type { itemsOf } from '../../lambdas/core/items.ts';
import { documentName } from '../../lambdas/paths/ssm/instance.ts';
import { longest } from '../../lambdas/paths/ssm/payload.ts';
import { bundle } from '../../lib/bundles.ts';
import type { Call } from './aws.ts';
import { runCommand } from './run-command.ts';
import { deploy, outside, type World } from './world.ts';

const bundles = mkdtempSync(join(tmpdir(), 'mail-canary-bundles-'));
beforeAll(() => bundle({ to: bundles }), 60_000);
afterAll(() => rmSync(bundles, { recursive: true }));

const minute = 60_000;
/** A slot that begins now or began within the last minute; every function is told its own time from there. */
const begins = Math.floor(Date.now() / minute) * minute;
const slot = begins / minute;
const hour = 60 * minute;

/** The mailbox has seen canaries before: a new one would get a single canary in a quarter of an hour. */
const proven = ({ items }: { readonly items: ReturnType<typeof itemsOf> }) =>
  items.putMailbox('outside', { unseen: 0, provenAt: begins - hour }, 0);

const verdictsOf = ({ lines }: Awaited<ReturnType<World['invoke']>>) =>
  lines.filter(({ what }) => what === 'verdict').map(({ what: _, round: __, ...verdict }) => verdict);

const incidentsOf = (calls: readonly Call[]) =>
  calls
    .flatMap(({ operation, body }) => (operation === 'PutEvents' ? (body.Entries ?? []) : []))
    .map(({ DetailType, Detail }) => ({ type: DetailType, ...(JSON.parse(Detail ?? '{}') as object) }));

const callsOf = ({ calls }: World, operation: string) => calls.filter((call) => call.operation === operation);

/** Nothing secret was printed, or sent to anybody but those to whom it belongs; and the roles allow what was done. */
const expectSecretsKept = (world: World) => {
  expect(world.output()).not.toBe('');
  for (const secret of world.secrets) {
    expect(world.output()).not.toContain(secret);
    expect(JSON.stringify(world.calls)).not.toContain(secret);
  }
  expect(world.denied()).toEqual([]);
};

const instance = (n: number) => `i-${n.toString(16).padStart(17, '0')}`;

describe('ssm', () => {
  const spans = 'every: 1 minute\ndeliverWithin: 30 s\n';
  const tags = { role: 'web' };
  const hosts = (count: number, more = '') =>
    Array.from(
      { length: count },
      (_, n) => `  - { id: web-${n + 1}, paths: [machine], labels: { instance: ${instance(n + 1)} }${more} }\n`,
    ).join('');

  test('a relay that ceases to trust: commanded, run, delivered; then asked, refused with its words; an agent that is offline is unsent', {
    timeout: 120_000,
  }, async () => {
    // 0.0.0.0 is this machine, too, and not what the path takes for a mail server of the host's own.
    let arrive = (_raw: Buffer): void => {};
    const relay = await startRelay({
      trusted: ['127.0.0.1'],
      deliver: (_, raw) => arrive(raw),
    });
    onTestFinished(relay.close);
    const world = await deploy({
      bundles,
      yaml: `${spans}paths:
  machine: { kind: ssm, via: smtp, relay: { host: 0.0.0.0, port: ${relay.port} }, from: orders@example.test, tags: { role: web } }
hosts:
${hosts(2, ', services: [purchase-orders]')}`,
      answer: runCommand([instance(2)]),
      facts: { tags },
    });
    await proven(world);
    const { store } = world.imap;
    arrive = (raw) => void store.deliver(outside, 'INBOX', raw);

    expect(await world.planAndSend(begins)).toMatchObject({ planned: { canaries: 2, skipped: 0 }, messages: 1 });
    const [command, ...others] = callsOf(world, 'SendCommand');
    expect(others).toEqual([]);
    expect(command).toMatchObject({
      by: 'send',
      body: {
        DocumentName: 'mail-canary-lab',
        InstanceIds: [instance(1), instance(2)],
        Parameters: { via: ['smtp'], relay: ['0.0.0.0'], port: [String(relay.port)], tls: ['none'] },
      },
    });
    expect(command?.body.Parameters?.payload?.[0]).toContain(canaryId('web-1/machine/outside', slot));
    expect(command?.body.Parameters?.payload?.[0]).toMatch(/^[A-Za-z0-9._=@+-]+$/);

    // As long as the relay trusts it, the mail arrives; nothing is overdue, and nobody is asked.
    await expect.poll(() => store.messages(outside, 'INBOX').length, { timeout: 20_000 }).toBe(1);
    await world.invoke('confirm', {}, begins + 15_000);
    const lanes = await world.items.lanes();
    expect(lanes.get('machine.0')?.routes['web-1/machine/outside']?.records).toMatchObject([
      { slot, verdict: 'delivered' },
    ]);
    expect(callsOf(world, 'ListCommandInvocations')).toEqual([]);
    expect(store.messages(outside, 'INBOX')).toEqual([]);

    relay.distrust('127.0.0.1');
    await world.planAndSend(begins + minute);
    const first = await world.invoke('confirm', {}, begins + minute + 55_000);
    // One question for each batch with an overdue canary: of the first one web-2 is overdue.
    expect(callsOf(world, 'ListCommandInvocations').map(({ by }) => by)).toEqual(['confirm', 'confirm']);
    const words = `554 5.7.1 <${outside}>: Relay access denied`;
    const refused = {
      route: 'web-1/machine/outside',
      verdict: 'refused',
      cause: 'relay-denied',
      evidence: words,
      answeredBy: 'mail-gw.example.test',
    };
    expect(verdictsOf(first)).toEqual([{ slot: slot + 1, ...refused }]);
    expect(incidentsOf(world.calls)).toEqual([]);

    // The second one makes it an incident, once its sibling had time to be judged.
    await world.planAndSend(begins + 2 * minute);
    const second = await world.invoke('confirm', {}, begins + 4 * minute);
    expect(verdictsOf(second)).toEqual([{ slot: slot + 2, ...refused }]);
    expect(incidentsOf(world.calls)).toMatchObject([
      {
        type: 'Incident Opened',
        severity: 'page',
        cause: 'relay-denied',
        answeredBy: 'mail-gw.example.test',
        name: 'web-1',
        services: ['purchase-orders'],
        evidence: words,
      },
    ]);

    // Who could not be asked is unsent, later: until then the mail might have come.
    const later = await world.invoke('confirm', {}, begins + 19 * minute + 30_000);
    expect(verdictsOf(later)).toEqual(
      [slot, slot + 1, slot + 2].map((at) =>
        expect.objectContaining({
          route: 'web-2/machine/outside',
          slot: at,
          verdict: 'unsent',
          cause: 'agent-offline',
          evidence: 'the agent did not take the command in time',
        }),
      ),
    );
    expectSecretsKept(world);
    expect(world.denied({ tags: { role: 'db' } })).toEqual(
      [1, 2].map((n) => `send: ssm:SendCommand on arn:aws:ec2:eu-west-1:111122223333:instance/${instance(n)}`),
    );
  });

  test('500 hosts with two mailboxes: 10 calls of SendCommand a slot and path, each instance in one of them', {
    timeout: 180_000,
  }, async () => {
    const world = await deploy({
      bundles,
      yaml: `  inside:
    address: canary@example.test
    imap: { host: 127.0.0.1, port: 1, secure: false }
    auth: { kind: password, user: canary@example.test, secret: secretsmanager:lab/outside }
${spans}paths:
  machine: { kind: ssm, via: sendmail, from: orders@example.test, tags: { role: web } }
hosts:
${hosts(500)}`,
      answer:
        () =>
        ({ operation, body }) =>
          operation === 'SendCommand'
            ? { body: { Command: { CommandId: `for ${body.InstanceIds?.[0]}` } } }
            : undefined,
      facts: { tags },
    });
    await proven(world);
    await world.items.putMailbox('inside', { unseen: 0, provenAt: begins - hour }, 0);

    expect(await world.planAndSend(begins)).toMatchObject({ planned: { canaries: 1000, skipped: 0 }, messages: 10 });
    const commands = callsOf(world, 'SendCommand');
    expect(commands.map(({ body }) => body.InstanceIds?.length)).toEqual(Array(10).fill(50));
    expect(new Set(commands.flatMap(({ body }) => body.InstanceIds)).size).toBe(500);
    for (const { body } of commands) {
      expect(body.DocumentName).toBe(documentName('lab'));
      expect(body.Parameters?.payload?.[0]?.length).toBeLessThanOrEqual(longest);
    }
    const batches = await world.items.batches(slot);
    const states = batches.flatMap(({ handovers = [] }) => handovers.map(({ state }) => state));
    expect(states).toEqual(Array(1000).fill('commanded'));
    expectSecretsKept(world);
  });
});

describe('heartbeat', () => {
  const at = begins + 10_000;
  const route = 'db-01/cron/outside';
  const words = `554 5.7.1 <${outside}>: Relay access denied`;
  const sending = {
    v: 1,
    host: 'db-01',
    path: 'cron',
    fleet: false,
    generation: 1,
    slot,
    at,
    phase: 'sending',
    address: '10.0.9.4',
    mailboxes: ['outside'],
  };
  const said = [
    '* Connected to mail-gw (10.0.0.5) port 25',
    '< 220 mail-gw.example.test ESMTP Postfix',
    '> EHLO db-01',
    '< 250 mail-gw.example.test',
    '> MAIL FROM:<orders@example.test>',
    '< 250 2.1.0 Ok',
    `> RCPT TO:<${outside}>`,
    `< ${words}`,
    '> QUIT',
    '',
  ].join('\n');
  const { address: _, mailboxes: __, ...shared } = sending;
  const done = {
    ...shared,
    phase: 'done',
    mailbox: 'outside',
    via: 'smtp',
    exit: 55,
    said: Buffer.from(said).toString('base64'),
    leftFrom: '10.0.9.4',
  };

  /** What a function URL hands over (payload format 2.0). */
  const urlEvent = (telling: object, secret: string, now: number) => {
    const body = JSON.stringify(telling);
    const timestamp = Math.floor(now / 1000);
    return {
      version: '2.0',
      routeKey: '$default',
      rawPath: '/',
      rawQueryString: '',
      headers: {
        'content-type': 'application/json',
        host: 'abcdefgh.lambda-url.eu-west-1.on.aws',
        'x-forwarded-for': '198.51.100.7',
        'x-mail-canary-timestamp': String(timestamp),
        'x-mail-canary-signature': signTelling(secret, { path: '/', timestamp, body }),
      },
      requestContext: {
        accountId: 'anonymous',
        apiId: 'abcdefgh',
        http: { method: 'POST', path: '/', protocol: 'HTTP/1.1', sourceIp: '198.51.100.7', userAgent: 'curl/8' },
        requestId: '7c191be4-5e6c-11ec-bf63-0242ac130002',
        routeKey: '$default',
        stage: '$default',
        timeEpoch: now,
      },
      body: Buffer.from(body).toString('base64'),
      isBase64Encoded: true,
    };
  };

  test('a host tells that it was refused: noted, refused with its words; nobody else can tell it', {
    timeout: 120_000,
  }, async () => {
    const world = await deploy({
      bundles,
      yaml: `paths:
  cron: { kind: heartbeat, every: 1 minute, via: smtp, relay: { host: mail-gw }, from: orders@example.test }
hosts:
  - { id: db-01, paths: [cron] }
  - { id: db-02, paths: [cron] }
`,
    });
    await proven(world);
    const { secret } = hostKey(world.heartbeatSecret, 'db-01', 1);
    const other = hostKey(world.heartbeatSecret, 'db-02', 1);
    const fleet = fleetKey(world.heartbeatSecret, 1);
    const tell = async (telling: object, with_ = secret, now = at) =>
      (await world.invoke('note', urlEvent(telling, with_, now), now)).result;
    const notes = async (of = slot) =>
      (await world.items.batches(of)).flatMap(({ notes = [] }) => notes.map(({ id }) => id)).sort();

    // Expected, and queued to nobody.
    expect(await world.planAndSend(begins)).toMatchObject({ planned: { canaries: 2 }, messages: 0 });

    for (const wrong of [other.secret, 'made up', world.heartbeatSecret])
      expect(await tell(sending, wrong)).toMatchObject({
        statusCode: 401,
        body: expect.stringContaining('the signature is not one of db-01, generation 1'),
      });
    // A telling of an hour ago, rightly signed.
    const replay = await world.invoke('note', urlEvent(sending, secret, at - hour), at);
    expect(replay.result).toMatchObject({ statusCode: 401, body: expect.stringContaining('60 minutes behind') });
    expect(await notes()).toEqual([]);

    expect(await tell(sending)).toMatchObject({ statusCode: 200, body: '{"noted":1}\n' });
    expect(await notes()).toEqual([`tell.sending.${canaryId(route, slot)}`]);
    expect(await tell(done, secret, at + 2000)).toMatchObject({ statusCode: 200, body: '{"noted":1}\n' });
    // Again: the same note.
    expect(await tell(done, secret, at + 3000)).toMatchObject({ statusCode: 200 });
    expect(await notes()).toEqual([`tell.done.${canaryId(route, slot)}`, `tell.sending.${canaryId(route, slot)}`]);

    const first = await world.invoke('confirm', {}, begins + 20_000);
    const refused = {
      route,
      verdict: 'refused',
      cause: 'relay-denied',
      evidence: words,
      answeredBy: 'mail-gw.example.test',
    };
    expect(verdictsOf(first)).toEqual([{ slot, ...refused }]);

    // A host that nobody listed, with the fleet's key: registered, announced, and expected from the next slot on.
    const unlisted = { ...sending, host: 'db-77', fleet: true };
    expect(await tell(unlisted, secret)).toMatchObject({ statusCode: 401 });
    expect(await tell(unlisted, fleet.secret, at + 4000)).toMatchObject({
      statusCode: 200,
      body: '{"noted":1,"registered":true}\n',
    });
    expect(await world.planAndSend(begins + minute)).toMatchObject({ planned: { canaries: 3 }, messages: 0 });
    const next = { ...done, slot: slot + 1, at: at + minute };
    expect(await tell(next, secret, at + minute)).toMatchObject({ statusCode: 200 });
    const second = await world.invoke('confirm', {}, begins + 3 * minute);
    expect(verdictsOf(second)).toEqual([{ slot: slot + 1, ...refused }]);
    expect(incidentsOf(world.calls)).toMatchObject([
      { type: 'Incident Opened', severity: 'page', cause: 'relay-denied', name: 'db-01', evidence: words },
      { type: 'Incident Opened', severity: 'note', cause: 'self-registered', name: 'db-77' },
    ]);
    for (const derived of [secret, other.secret, fleet.secret]) {
      expect(world.output()).not.toContain(derived);
      expect(JSON.stringify(world.calls)).not.toContain(derived);
    }
    expectSecretsKept(world);
  });
});

describe('ses', () => {
  const messageId = '0102018f7c191be4-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000';
  const taken = `<SendRawEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><SendRawEmailResult><MessageId>${messageId}</MessageId></SendRawEmailResult><ResponseMetadata><RequestId>e0abcdfa-c866-11e0-b6d0-273d09173b49</RequestId></ResponseMetadata></SendRawEmailResponse>`;

  /** What EventBridge brings of a mail that SES took with this request. */
  const bounceOf = (form: Readonly<Record<string, string>>, diagnosticCode: string) => {
    const raw = Buffer.from(form['RawMessage.Data'] ?? '', 'base64').toString();
    const headers = (raw.split('\r\n\r\n')[0] ?? '')
      .replace(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map((line) => ({ name: line.split(':')[0] ?? '', value: line.slice(line.indexOf(':') + 1).trim() }));
    const given = Array.from({ length: 20 }, (_, n) => `Tags.member.${n + 1}`)
      .filter((at) => form[`${at}.Name`] !== undefined)
      .map((at) => [form[`${at}.Name`], [form[`${at}.Value`]]] as const);
    return {
      version: '0',
      id: '12345678-1234-1234-1234-123456789012',
      'detail-type': 'Email Bounced',
      source: 'aws.ses',
      account: '111122223333',
      time: new Date(begins + 20_000).toISOString(),
      region: 'eu-west-1',
      resources: ['arn:aws:ses:eu-west-1:111122223333:configuration-set/mail-canary-lab'],
      detail: {
        eventType: 'Bounce',
        mail: {
          timestamp: new Date(begins + 2000).toISOString(),
          source: form.Source,
          sendingAccountId: '111122223333',
          messageId,
          destination: [outside],
          headersTruncated: false,
          headers,
          tags: { 'ses:configuration-set': [form.ConfigurationSetName], ...Object.fromEntries(given) },
        },
        bounce: {
          bounceType: 'Permanent',
          bounceSubType: 'General',
          bouncedRecipients: [{ emailAddress: outside, action: 'failed', status: '5.1.1', diagnosticCode }],
          timestamp: new Date(begins + 19_000).toISOString(),
          feedbackId: '01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000',
          reportingMTA: 'dns; a8-96.smtp-out.amazonses.com',
        },
      },
    };
  };

  /** Event patterns that hold lists of texts only, as ours do. */
  const admits = (pattern: unknown, event: unknown): boolean =>
    Array.isArray(pattern)
      ? (Array.isArray(event) ? event : [event]).some((one) => pattern.includes(one))
      : Object.entries(pattern as object).every(([key, inner]) => admits(inner, Reflect.get(Object(event), key)));

  test('SES takes the mail and it comes back: bounced, with the words of the server that returned it', {
    timeout: 120_000,
  }, async () => {
    const world = await deploy({
      bundles,
      yaml: `paths:
  account: { kind: ses, from: orders@example.test, identity: example.test, configurationSet: stack }
every: 1 minute
`.concat('hosts:\n  - { id: monitor, paths: [account] }\n'),
      answer: () => (call) => (call.operation === 'SendRawEmail' ? { xml: taken } : undefined),
      facts: { identity: 'example.test' },
    });
    expect(await world.planAndSend(begins)).toMatchObject({ planned: { canaries: 1 }, messages: 1 });
    const [sent, ...others] = callsOf(world, 'SendRawEmail');
    expect(others).toEqual([]);
    const { form = {} } = sent?.body ?? {};
    expect(form).toMatchObject({
      Source: 'orders@example.test',
      'Destinations.member.1': outside,
      ConfigurationSetName: 'mail-canary-lab',
    });
    // The configuration set is one that the template makes, and its rule lets the event through.
    expect(world.template.one('AWS::SES::ConfigurationSet').properties.Name).toBe(form.ConfigurationSetName);
    const code = `smtp; 550 5.1.1 <${outside}>: Recipient address rejected: User unknown`;
    const event = bounceOf(form, code);
    const rule = world.template.one('AWS::Events::Rule').properties.EventPattern;
    expect(admits(rule, event)).toBe(true);
    expect(admits(rule, { ...event, 'detail-type': 'Email Opened' })).toBe(false);

    const pending = await world.invoke('confirm', {}, begins + 15_000);
    expect(verdictsOf(pending)).toEqual([]);

    const noted = await world.invoke('note', event, begins + 20_000);
    expect(noted).toMatchObject({
      result: null,
      lines: [{ what: 'noted', notes: [{ route: 'monitor/account/outside' }] }],
    });
    // Somebody else's mail: another token, no note.
    const { detail } = event;
    const foreign = { ...event, detail: { ...detail, mail: { ...detail.mail, headers: [], tags: {} } } };
    expect((await world.invoke('note', foreign, begins + 21_000)).lines).toEqual([{ what: 'noted', notes: [] }]);

    const confirmed = await world.invoke('confirm', {}, begins + 30_000);
    expect(verdictsOf(confirmed)).toEqual([
      {
        route: 'monitor/account/outside',
        slot,
        verdict: 'bounced',
        cause: 'returned',
        evidence: code,
        answeredBy: 'a8-96.smtp-out.amazonses.com',
      },
    ]);
    expectSecretsKept(world);
    expect(world.denied({ identity: 'elsewhere.test' })).toEqual([
      'send: ses:SendRawEmail on arn:aws:ses:eu-west-1:111122223333:identity/elsewhere.test',
    ]);
  });
});
