/** Mailboxes as they are deployed: logins by token, a token that is replaced, what brews, and a mailbox that goes dark. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startRelay } from '../../demo/servers/relay.ts';
import { bundle } from '../../lib/bundles.ts';
import { leaked } from '../paths/smtp-harness.ts';
import type { Call } from './aws.ts';
import { denied, unneeded } from './grants.ts';
import { caFile, secretOf, shown, startTokens } from './tokens.ts';
import { deploy, type World } from './world.ts';

const bundles = mkdtempSync(join(tmpdir(), 'mail-canary-bundles-'));
beforeAll(() => bundle({ to: bundles }), 60_000);
afterAll(() => rmSync(bundles, { recursive: true }));

const minute = 60_000;
/** A slot that begins now or began within the last minute; every function is told its own time from there. */
const begins = Math.floor(Date.now() / minute) * minute;
const slot = begins / minute;

const rented = 'canary@rented.test';
const office = 'canary@office.test';
const plain = 'canary@plain.test';
const hosts = ['web-1', 'web-2', 'web-3', 'web-4'] as const;

const mailboxes = (port: number, origin: string, refreshToken: string) => `  rented:
    address: ${rented}
    imap: { host: 127.0.0.1, port: ${port}, tls: { ca: "file:${caFile}" } }
    auth:
      kind: oauth2
      user: ${rented}
      tokenUrl: ${origin}/token
      clientId: mail-canary
      clientSecret: secretsmanager:lab/client
      refreshToken: ${refreshToken}
    group: suppliers
  office:
    address: ${office}
    imap: { host: 127.0.0.1, port: ${port}, tls: { ca: "file:${caFile}" } }
    auth:
      kind: microsoft365
      user: ${office}
      tenant: example.test
      clientId: 00000000-1111-2222-3333-444444444444
      clientSecret: ssm:/lab/office
      authority: ${origin}
    trustedAuthservId: mx.office.test
    group: suppliers
  plain:
    address: ${plain}
    imap: { host: 127.0.0.1, port: ${port}, tls: { ca: "file:${caFile}" } }
    auth: { kind: password, user: ${plain}, secret: secretsmanager:lab/plain }
`;

/** Three mailboxes on one IMAP server, a token endpoint, a relay that trusts everybody, four hosts. */
const company = async ({
  refreshReference = 'secretsmanager:lab/refresh',
  results = 'spf=pass smtp.mailfrom=example.test; dkim=none; dmarc=pass header.from=example.test',
} = {}) => {
  const tokens: Record<string, string> = {};
  const endpoint = await startTokens(tokens, { refreshing: rented, application: office });
  let now = begins;
  let arrive = (_to: string, _raw: Buffer): void => {};
  const relay = await startRelay({ trusted: ['127.0.0.1'], deliver: (to, raw) => arrive(to, raw), tls: shown });
  onTestFinished(relay.close);
  const password = secretOf('password');
  const stored = new Map([
    [refreshReference, endpoint.refreshTokens[0]],
    ['secretsmanager:lab/client', endpoint.client],
    ['ssm:/lab/office', endpoint.office],
    ['secretsmanager:lab/plain', password],
  ]);
  const world = await deploy({
    bundles,
    stored,
    mailboxes: (port) => mailboxes(port, endpoint.origin, refreshReference),
    imap: {
      users: Object.fromEntries(
        [rented, office, plain].map((user) => [user, user === plain ? password : secretOf('unused')]),
      ),
      tokens,
      tls: shown,
    },
    // What a public authority is in AWS.
    environment: { NODE_EXTRA_CA_CERTS: caFile },
    yaml: `every: 1 minute
lostAfter: 3 minutes
paths:
  relay:
    kind: smtp
    host: "{host.address}"
    port: ${relay.port}
    from: orders@example.test
    connections: 4
    tls: { ca: "file:${caFile}", serverName: localhost }
hosts:
${hosts.map((id) => `  - { id: ${id}, address: ${id}.lab, paths: [relay], mailboxes: [suppliers, plain] }`).join('\n')}
`,
  });
  const { store } = world.imap;
  arrive = (to, raw) => {
    // What the server of that mailbox says of every mail.
    const judged = to === office ? `Authentication-Results: mx.office.test; ${results}\r\n` : '';
    store.deliver(to, 'INBOX', Buffer.concat([Buffer.from(judged), raw]), { internalDate: now + 20_000 });
  };
  for (const name of ['rented', 'office', 'plain'])
    await world.items.putMailbox(name, { unseen: 0, provenAt: begins - 60 * minute }, 0);
  /** The minute's tick, and its mails in their mailboxes. */
  const send = async (index: number) => {
    now = begins + index * minute;
    const before = [rented, office, plain].map((user) => store.messages(user, 'INBOX').length);
    const sent = await world.planAndSend(now);
    const arrived = () =>
      [rented, office, plain].reduce(
        (sum, user, n) => sum + store.messages(user, 'INBOX').length - (before[n] ?? 0),
        0,
      );
    await expect.poll(arrived, { timeout: 20_000 }).toBe(2 * hosts.length);
    return sent;
  };
  const all = [...world.secrets, password, endpoint.client, endpoint.office, ...endpoint.refreshTokens];
  return { world, endpoint, stored, send, secrets: () => [...all, ...endpoint.made] };
};

/** When `confirm` of a minute runs. */
const judgedAt = (index: number) => begins + index * minute + 30_000;

const callsOf = (calls: readonly Call[], ...operations: readonly string[]) =>
  calls.filter(({ operation }) => operations.includes(operation));

const incidentsOf = (calls: readonly Call[]) =>
  callsOf(calls, 'PutEvents')
    .flatMap(({ body }) => body.Entries ?? [])
    .map(({ DetailType, Detail }) => ({
      type: DetailType,
      ...(JSON.parse(Detail ?? '{}') as { severity: string; cause: string }),
    }));

/** What was published of a metric: dimensions besides the monitor's name, unit, values. */
const pointsOf = (calls: readonly Call[], name: string) =>
  callsOf(calls, 'PutMetricData')
    .flatMap(({ body }) => body.MetricData ?? [])
    .filter(({ MetricName }) => MetricName === name)
    .map(({ Dimensions, Unit, Values, Counts }) => {
      const { Monitor, ...dimensions } = Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]));
      expect(Monitor).toBe('lab');
      return { dimensions, Unit, Values, Counts };
    });

/** Every record of every route in a slot: `web-1/relay/plain delivered`. */
const recordsOf = async ({ items }: World, of: number) =>
  [...(await items.lanes()).values()]
    .flatMap(({ routes }) => Object.entries(routes))
    .flatMap(([route, { records }]) =>
      records.filter((record) => record.slot === of).map(({ verdict }) => `${route} ${verdict}`),
    )
    .sort();

/** Nothing secret in a log line, an event, a metric or an item; what is written back goes to its own store alone. */
const expectSecretsKept = async (world: World, secrets: readonly string[]) => {
  const others = world.calls.filter(({ operation }) => !/^Put(SecretValue|Parameter)$/.test(operation));
  const table = await world.table();
  for (const text of [world.output(), JSON.stringify(others), table]) {
    expect(text).not.toBe('');
    expect(leaked(text, secrets)).toEqual([]);
  }
  expect(world.denied()).toEqual([]);
};

const delivered = (mailboxOf: (host: string) => string) => hosts.map((id) => `${id}/relay/${mailboxOf(id)} delivered`);

/** The group of two, by hosts: each host always on the same one. */
const supplierOf = (host: string) => (host === 'web-1' || host === 'web-2' ? 'rented' : 'office');

/** Every canary of a minute in time, in both mailboxes of its host. */
const allDelivered = [...delivered(supplierOf), ...delivered(() => 'plain')].sort();

const tokenRequests = ({ requests }: Awaited<ReturnType<typeof company>>['endpoint'], path: string) =>
  requests.filter((request) => request.path === path);
const ofRented = '/token';
const ofOffice = '/example.test/oauth2/v2.0/token';

test('three mailboxes, two of them by token: all delivered; a replaced token is stored once; a warm function keeps its tokens', {
  timeout: 240_000,
}, async () => {
  const results = 'spf=fail smtp.mailfrom=example.test; dkim=none; dmarc=fail header.from=example.test';
  const { world, endpoint, stored, send, secrets } = await company({ results });
  const [first, second] = endpoint.refreshTokens;
  // Somebody's mail takes up 96 % of one of them.
  const { store } = world.imap;
  store.deliver(plain, 'INBOX', `Subject: a film\r\n\r\n${'film '.repeat((9600 * 1024) / 5)}`);
  store.setQuota(plain, 10_000);

  // Cold, and cold again: the second one finds the token that replaced the first.
  for (const index of [0, 1]) {
    expect(await send(index)).toMatchObject({ planned: { canaries: 2 * hosts.length, skipped: 0 } });
    await world.invoke('confirm', {}, judgedAt(index));
    expect(await recordsOf(world, slot + index)).toEqual(allDelivered);
  }
  expect(tokenRequests(endpoint, ofRented)).toMatchObject([
    { shown: first, status: 200 },
    { shown: second, status: 200 },
  ]);
  expect(tokenRequests(endpoint, ofOffice)).toMatchObject([{ status: 200 }, { status: 200 }]);

  // Warm: one token for each mailbox, however many rounds.
  const confirm = world.warm('confirm');
  for (const index of [2, 3, 4]) {
    await send(index);
    expect((await confirm.invoke({}, judgedAt(index))).result).toEqual({ round: index + 1 });
    expect(await recordsOf(world, slot + index)).toEqual(allDelivered);
    expect([ofRented, ofOffice].map((path) => tokenRequests(endpoint, path).length)).toEqual([3, 3]);
  }
  expect(tokenRequests(endpoint, ofRented).at(-1)).toMatchObject({ shown: second, status: 200 });

  // Once in all rounds, and nothing else was ever written back.
  expect(callsOf(world.calls, 'PutSecretValue', 'PutParameter')).toMatchObject([
    { by: 'confirm', operation: 'PutSecretValue', body: { SecretId: 'lab/refresh', SecretString: second } },
  ]);
  expect(stored.get('secretsmanager:lab/refresh')).toBe(second);
  // Own mail alone is gone.
  expect([rented, office, plain].map((user) => store.messages(user, 'INBOX').length)).toEqual([0, 0, 1]);

  // What brews: in percent, in days, counted; by mailbox and by server.
  const used = pointsOf(world.calls, 'MailboxUsedPercent').filter(({ dimensions }) => dimensions.Mailbox === 'plain');
  expect(used).toHaveLength(5);
  for (const { dimensions, Unit, Values } of used) {
    expect({ dimensions, Unit }).toEqual({ dimensions: { Mailbox: 'plain' }, Unit: 'Percent' });
    expect(Values).toHaveLength(1);
    expect(Values[0]).toBeGreaterThanOrEqual(96);
    expect(Values[0]).toBeLessThan(97);
  }
  const left = pointsOf(world.calls, 'CertificateDaysLeft');
  const servers = new Set(left.map(({ dimensions }) => dimensions.Server));
  expect(servers).toContain(`127.0.0.1:${world.imap.port}`);
  // Those of the hosts came by way of `send` and the ledger.
  expect([...servers].filter((server) => server?.includes('.lab:'))).toHaveLength(hosts.length);
  const days = (Date.parse('2100-01-01') - begins) / (24 * 60 * minute);
  for (const { dimensions, Unit, Values } of left) {
    expect({ keys: Object.keys(dimensions), Unit }).toEqual({ keys: ['Server'], Unit: 'Count' });
    expect(Math.abs((Values[0] ?? 0) - days)).toBeLessThan(1);
  }
  const twice = { Unit: 'Count', Values: [1], Counts: [2] };
  expect(pointsOf(world.calls, 'Unauthenticated')).toEqual(
    Array.from({ length: 5 }, () => [
      { dimensions: { Mailbox: 'office' }, ...twice },
      { dimensions: { Path: 'relay', Mailbox: 'office' }, ...twice },
    ]).flat(),
  );

  // Each told once.
  expect(incidentsOf(world.calls)).toMatchObject([
    {
      type: 'Incident Opened',
      severity: 'page',
      cause: 'mailbox-filling',
      name: 'mailbox plain',
      evidence: expect.stringMatching(/^mailbox plain is 96 % full \(9\.\d+ of 9\.77 MB\)$/),
      remedy: expect.stringContaining('empty mailbox plain'),
      routes: {},
    },
    {
      type: 'Incident Opened',
      severity: 'ticket',
      cause: 'unauthenticated',
      name: 'all 2 hosts to mailbox office',
      evidence: 'SPF fail, DKIM none, DMARC fail',
    },
  ]);
  expect(
    pointsOf(world.calls, 'IncidentsOpen')
      .filter(({ dimensions }) => dimensions.Severity === 'page')
      .at(-1),
  ).toMatchObject({ Values: [1] });
  await expectSecretsKept(world, secrets());

  // The role of confirm allows what it did, and nothing that it did not do.
  const facts = { tags: {}, identity: '' };
  const statementsOf = (name: string) =>
    name === 'confirm' || name === 'send' || name === 'plan' ? (world.template.functions[name]?.statements ?? []) : [];
  const mine = world.calls.filter(({ by }) => by === 'confirm');
  expect(unneeded(mine, statementsOf('confirm'), facts)).toEqual([
    expect.stringMatching(/^logs:CreateLogStream on .+:log-group:MailCanaryConfirmLog/),
    expect.stringMatching(/^logs:PutLogEvents on .+:log-group:MailCanaryConfirmLog/),
  ]);
  const call = (by: string, operation: string, body: Call['body']): Call => ({
    by,
    operation,
    body,
    service: body.Name === undefined ? 'secretsmanager' : 'ssm',
  });
  const read = ['lab/client', 'lab/refresh', 'lab/plain'].map((SecretId) => ({ SecretId }));
  const all = (by: string, bodies: readonly Call['body'][]) =>
    denied(
      bodies.map((body) => call(by, 'GetSecretValue', body)),
      statementsOf,
      facts,
    ).length;
  expect(all('confirm', read)).toBe(0);
  expect(all('send', read)).toBe(read.length);
  expect(all('plan', read)).toBe(read.length);
  const write = [
    call('confirm', 'PutSecretValue', { SecretId: 'lab/client' }),
    call('confirm', 'PutSecretValue', { SecretId: 'lab/plain' }),
    call('confirm', 'PutSecretValue', { SecretId: 'lab/refresh-of-others' }),
    call('confirm', 'PutParameter', { Name: '/lab/office' }),
    call('send', 'PutSecretValue', { SecretId: 'lab/refresh' }),
  ];
  expect(denied(write, statementsOf, facts)).toHaveLength(write.length);
});

test('a refresh token in the parameter store is put back there, and the next cold start shows the new one', {
  timeout: 120_000,
}, async () => {
  const { world, endpoint, secrets } = await company({ refreshReference: 'ssm:/lab/refresh' });
  const [first, second] = endpoint.refreshTokens;
  await world.invoke('confirm', {}, judgedAt(0));
  await world.invoke('confirm', {}, judgedAt(1));
  expect(tokenRequests(endpoint, ofRented)).toMatchObject([{ shown: first }, { shown: second }]);
  expect(callsOf(world.calls, 'PutSecretValue', 'PutParameter')).toMatchObject([
    {
      by: 'confirm',
      operation: 'PutParameter',
      body: { Name: '/lab/refresh', Value: second, Type: 'SecureString', Overwrite: true },
    },
  ]);
  await expectSecretsKept(world, secrets());
});

test('a token that was revoked: dark, told as a note after two minutes, nobody blamed; judged by arrival when it is back', {
  timeout: 240_000,
}, async () => {
  const { world, endpoint, stored, send, secrets } = await company();
  const third = endpoint.refreshTokens[2];
  const confirm = world.warm('confirm');
  const since = () => world.calls.length;
  const lines = async (at: number) => (await confirm.invoke({}, at)).lines;
  const dark = (calls: readonly Call[]) =>
    Object.fromEntries(pointsOf(calls, 'MailboxDark').map(({ dimensions, Values }) => [dimensions.Mailbox, Values]));

  await send(0);
  await lines(judgedAt(0));
  expect(await recordsOf(world, slot)).toEqual(allDelivered);
  expect(dark(world.calls)).toEqual({ rented: [0], office: [0], plain: [0] });

  // The server refuses the token that was kept, and no other is to be had.
  endpoint.revoke();
  const asked = () => tokenRequests(endpoint, ofRented).map(({ status }) => status);
  const refusal = {
    what: 'dark',
    mailbox: 'rented',
    cause: 'token-refused',
    detail: expect.stringMatching(/^token: 127\.0\.0\.1:\d+: .*revoked/),
  };
  await send(1);
  expect(await lines(judgedAt(1))).toContainEqual(expect.objectContaining(refusal));
  expect(asked()).toEqual([200, 400]);
  // Again after a minute; then not for five.
  const begun = since();
  await send(2);
  await lines(judgedAt(2) + 10_000);
  expect(asked()).toEqual([200, 400, 400]);
  expect(incidentsOf(world.calls)).toEqual([]);
  await send(3);
  const told = since();
  expect(await lines(judgedAt(3) + 10_000)).toContainEqual(expect.objectContaining(refusal));
  expect(asked()).toEqual([200, 400, 400]);

  expect(dark(world.calls.slice(begun))).toEqual({ rented: [1], office: [0], plain: [0] });
  expect(pointsOf(world.calls.slice(told), 'MailboxesDark')).toMatchObject([
    { dimensions: {}, Unit: 'Count', Values: [1] },
  ]);
  expect(incidentsOf(world.calls)).toMatchObject([
    {
      type: 'Incident Opened',
      severity: 'note',
      cause: 'token-refused',
      name: 'mailbox rented',
      evidence: expect.stringMatching(/revoked.*; whether mail of 2 routes arrives is not known since /),
      remedy: expect.stringContaining('consent once more as the owner of mailbox rented'),
      routes: {},
    },
  ]);
  // One dark mailbox darkens no other.
  const ofOthers = allDelivered.filter((record) => !record.includes('/rented '));
  expect(await recordsOf(world, slot + 3)).toEqual(ofOthers);

  // Overdue, and still nobody's fault.
  const later = await lines(judgedAt(6));
  const unseen = [1, 2, 3].flatMap((index) =>
    ['web-1', 'web-2'].map((id) => ({ route: `${id}/relay/rented`, slot: slot + index })),
  );
  const verdictsIn = (all: typeof later) => all.filter(({ what }) => what === 'verdict');
  expect(verdictsIn(later)).toHaveLength(unseen.length);
  expect(verdictsIn(later)).toEqual(
    expect.arrayContaining(unseen.map((one) => expect.objectContaining({ ...one, verdict: 'blind' }))),
  );
  expect(incidentsOf(world.calls)).toHaveLength(1);
  expect(
    pointsOf(world.calls, 'RoutesFailing')
      .flatMap(({ Values }) => Values)
      .filter((value) => value > 0),
  ).toEqual([]);

  // Somebody consents anew.
  stored.set('secretsmanager:lab/refresh', third);
  const again = since();
  const back = await lines(judgedAt(8));
  expect(tokenRequests(endpoint, ofRented).at(-1)).toMatchObject({ shown: third, status: 200 });
  expect(verdictsIn(back)).toHaveLength(unseen.length);
  expect(verdictsIn(back)).toEqual(
    // In time: not when we could look again, but when they came.
    expect.arrayContaining(
      unseen.map((one) => expect.objectContaining({ ...one, verdict: 'delivered', was: 'blind' })),
    ),
  );
  for (const index of [1, 2, 3]) expect(await recordsOf(world, slot + index)).toEqual(allDelivered);
  expect(dark(world.calls.slice(again))).toEqual({ rented: [0], office: [0], plain: [0] });
  expect(incidentsOf(world.calls.slice(again))).toMatchObject([
    { type: 'Incident Closed', severity: 'note', cause: 'token-refused' },
  ]);
  await expectSecretsKept(world, secrets());
});
