/** `check --nagios`: one plugin line with performance data, the statuses of a plugin, and nothing that a mail server could forge. */
import { afterAll, describe, expect, test } from 'vitest';
import { pluginOf, unknownPlugin } from '../../bin/check/nagios.ts';
import type { Report, Row } from '../../bin/check/report.ts';
import { type Verdict, verdicts } from '../../lambdas/core/words.ts';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { startFaultySmtp } from '../servers/faulty-smtp.ts';
import { appYaml, hostYaml, smtpYaml, startCompany } from './company.ts';
import { tool } from './tool.ts';

type Value = { readonly value: string; readonly unit: string; readonly limits: readonly string[] };

/** Reads the output as a monitoring system does; throws where the guidelines do not allow it. */
const read = (stdout: string) => {
  if (!stdout.endsWith('\n')) throw new Error('the last line has no end');
  const [first = '', ...more] = stdout.slice(0, -1).split('\n');
  const found = /^MAIL CANARY (OK|WARNING|CRITICAL|UNKNOWN) - ([^|]+?)(?: \| ([^|]+))?$/.exec(first);
  if (found === null) throw new Error(`not the line of a plugin: ${first}`);
  if (more.some((line) => line.includes('|') || line.trim() === ''))
    throw new Error('performance data in a later line');
  if ([...stdout].some((char) => char !== '\n' && (char < ' ' || char === '\u007f')))
    throw new Error('a control character');
  const values = new Map<string, Value>();
  for (const one of found[3]?.split(' ') ?? []) {
    const [, label, value, unit, limits] = /^([a-z]+)=(U|-?\d+(?:\.\d+)?)(s?)((?:;[\d.]*){0,4})$/.exec(one) ?? [];
    if (label === undefined || value === undefined || values.has(label)) throw new Error(`no performance data: ${one}`);
    values.set(label, { value, unit: unit ?? '', limits: (limits ?? '').split(';').slice(1) });
  }
  return { state: found[1], summary: found[2] ?? '', values, more };
};

const rowOf = (verdict: Row['verdict'], over: Partial<Row> = {}): Row => {
  const host = over.host ?? 'web-01';
  return {
    route: `${host}/app/outside`,
    host,
    path: 'app',
    mailbox: 'outside',
    verdict,
    cause: null,
    evidence: null,
    remedy: null,
    answeredBy: null,
    seenAs: null,
    queueId: null,
    sentAt: null,
    seconds: null,
    folder: null,
    origin: null,
    altered: false,
    moved: false,
    authentication: null,
    unauthenticated: false,
    slowest: null,
    spam: null,
    conversation: [],
    whereToLook: [],
    lostMails: [],
    hops: [],
    ...over,
  };
};

const settings = { paths: {}, deliverWithin: 120_000, lostAfter: 900_000 };
const plugin = (rows: readonly Row[], over: Partial<Report> = {}, wait = 900_000) => {
  const { text, status } = pluginOf(
    { ok: false, verdicts: rows, incidents: [], warnings: [], ...over },
    { settings, wait },
  );
  return { status, text, ...read(text) };
};

describe('the state', () => {
  const expected: Readonly<Record<Verdict, readonly [status: number, state: string]>> = {
    delivered: [0, 'OK'],
    denied: [0, 'OK'],
    late: [1, 'WARNING'],
    junked: [1, 'WARNING'],
    refused: [2, 'CRITICAL'],
    bounced: [2, 'CRITICAL'],
    unauthenticated: [2, 'CRITICAL'],
    lost: [2, 'CRITICAL'],
    relayed: [2, 'CRITICAL'],
    unsent: [3, 'UNKNOWN'],
    blind: [3, 'UNKNOWN'],
  };

  test.each(Object.entries(expected))('%s', (verdict, [status, state]) => {
    const found = plugin([rowOf('delivered', { seconds: 1 }), rowOf(verdict as Verdict, { host: 'web-02' })]);
    expect(found).toMatchObject({ status, state });
    expect(found.values.get(verdict)?.value).toBe(verdict === 'delivered' ? '2' : '1');
    expect(found.more).toHaveLength(status === 0 ? 0 : 1);
  });

  test.each([
    [['delivered', 'late'], 'WARNING'],
    [['late', 'blind'], 'UNKNOWN'],
    [['late', 'blind', 'refused'], 'CRITICAL'],
    [['unsent', 'lost'], 'CRITICAL'],
  ] as const)('of %j the worst counts', (all, state) => {
    expect(plugin(all.map((verdict, index) => rowOf(verdict, { host: `web-${index}` }))).state).toBe(state);
  });

  test('not arrived yet is late once that is a fact, and not known before', () => {
    expect(plugin([rowOf('pending')], {}, 120_000).state).toBe('WARNING');
    expect(plugin([rowOf('pending')], {}, 119_999).state).toBe('UNKNOWN');
  });

  test('a warning is one: what is not proven is not OK', () => {
    const found = plugin([rowOf('delivered', { seconds: 1 })], { warnings: ['not proven: mail to customers'] });
    expect(found).toMatchObject({ state: 'WARNING', more: ['warning not proven: mail to customers'] });
  });

  test('no canary at all is not known', () => {
    expect(plugin([]).state).toBe('UNKNOWN');
  });
});

describe('the performance data', () => {
  test('counts every verdict, and has the slowest arrival with its limits', () => {
    const found = plugin([
      rowOf('delivered', { seconds: 1.24 }),
      rowOf('delivered', { host: 'web-03', seconds: 4.06 }),
      rowOf('denied', { host: 'web-04' }),
      rowOf('refused', { host: 'web-05' }),
    ]);
    expect([...found.values.keys()]).toEqual(['arrived', ...Object.keys(verdicts), 'pending', 'slowest']);
    expect(found.values.get('arrived')).toEqual({ value: '2', unit: '', limits: ['', '', '0', '4'] });
    expect(found.values.get('denied')?.value).toBe('1');
    expect(found.values.get('slowest')).toEqual({ value: '4.1', unit: 's', limits: ['120', '900', '0'] });
    expect(found.summary).toBe('2 of 4 canaries arrived, 1 refused, 1 refused, as it must be, slowest web-03 4.1 s');
  });

  test('the limit of the slowest is that of its own path', () => {
    const { settings: slow } = parseSettings(
      `mailboxes:
  outside:
    address: canary@supplier.test
    imap: { host: imap.supplier.test }
    auth: { kind: password, user: canary, secret: env:OUTSIDE }
paths:
${appYaml(', deliverWithin: 10 minutes')}hosts:
${hostYaml('web-01', 80)}`,
      'x.yaml',
      'local',
    );
    const { text } = pluginOf(
      { ok: true, verdicts: [rowOf('delivered', { seconds: 300 })], incidents: [], warnings: [] },
      { settings: slow, wait: 1 },
    );
    expect(read(text).values.get('slowest')?.limits).toEqual(['600', '900', '0']);
  });

  test('is undetermined when nothing arrived', () => {
    expect(plugin([rowOf('lost')]).values.get('slowest')).toEqual({
      value: 'U',
      unit: '',
      limits: ['120', '900', '0'],
    });
  });
});

describe('the further lines', () => {
  test('name at most twenty routes, the worst first', () => {
    const rows = Array.from({ length: 30 }, (_, index) =>
      rowOf(index === 29 ? 'refused' : 'late', { host: `web-${index}`, seconds: index === 29 ? null : 130 }),
    );
    const { more } = plugin(rows);
    expect(more).toHaveLength(21);
    expect(more.slice(0, 2)).toEqual([
      'CRITICAL web-29/app/outside refused',
      'WARNING web-0/app/outside late after 130.0 s',
    ]);
    expect(more.at(-1)).toBe('and 10 more');
  });

  test('words of others break out of no line', () => {
    const hostile = '554 no | arrived=99;;;0;99\nMAIL CANARY OK - fine\r\u2028\u001b[31m\u0000 x';
    const { state, values, more, text } = plugin(
      [rowOf('refused', { cause: 'relay-denied', evidence: hostile, answeredBy: 'gw|1\n' })],
      {
        incidents: [
          { id: 'i', name: 'n', cause: 'c', answeredBy: null, routes: [], inCommon: [], summary: `by ${hostile}` },
        ],
        warnings: [hostile],
      },
    );
    expect(state).toBe('CRITICAL');
    expect(values.get('arrived')?.value).toBe('0');
    expect(more).toHaveLength(2);
    expect(text).not.toMatch(/^MAIL CANARY OK/m);
  });

  test('of a failure of ours: its first line is the line', () => {
    const { text, status } = unknownPlugin('paths.a is | wrong\npaths.b is wrong\n');
    expect(status).toBe(3);
    expect(text).toBe('MAIL CANARY UNKNOWN - paths.a is / wrong\npaths.b is wrong\n');
    expect(unknownPlugin('').text).toBe('MAIL CANARY UNKNOWN - it failed and said nothing\n');
  });
});

const closings: (() => void | Promise<void>)[] = [];
afterAll(async () => {
  for (const task of closings) await task();
});

describe.concurrent('check --nagios', { timeout: 60_000 }, () => {
  const company = async (context: Parameters<typeof startCompany>[0], more = '', trusted = true) => {
    const made = await startCompany(context, { relay: { trusted: trusted ? ['mta.example.test'] : [] } });
    const settings = made.file(
      'company.yaml',
      `${more}mailboxes:\n${made.mailboxYaml('outside')}paths:\n${smtpYaml('mta', made.relay.port)}`,
    );
    return { made, settings };
  };

  test('all arrived: 0', async (context) => {
    const { made, settings } = await company(context);
    const { status, stdout, stderr } = await made.check(settings, ['--nagios']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { state, summary, values, more } = read(stdout);
    expect(state).toBe('OK');
    expect(summary).toMatch(/^1 of 1 canaries arrived, slowest monitor \d+\.\d s$/);
    expect(values.get('arrived')).toEqual({ value: '1', unit: '', limits: ['', '', '0', '1'] });
    expect(more).toEqual([]);
  });

  test('refused: 2, with who refused it and in which words', async (context) => {
    const { made, settings } = await company(context, '', false);
    const { status, stdout } = await made.check(settings, ['--nagios']);
    const { state, summary, more } = read(stdout);
    expect({ status, state }).toEqual({ status: 2, state: 'CRITICAL' });
    expect(summary).toContain('0 of 1 canaries arrived, 1 refused');
    expect(summary).toContain('relay-denied by mail-gw.example.test');
    expect(more).toEqual([expect.stringMatching(/^CRITICAL monitor\/mta\/outside refused: .*554 5\.7\.1/)]);
  });

  test('a server that answers with performance data of its own: 2, and none of it counts', async (context) => {
    const { made } = await company(context);
    const server = await startFaultySmtp({
      at: 'rcpt',
      does: { say: '554 5.7.1 no | arrived=9;;;0;9\r\n554 5.7.1 MAIL CANARY OK - fine' },
    });
    context.onTestFinished(server.close);
    const settings = made.file(
      'hostile.yaml',
      `mailboxes:\n${made.mailboxYaml('outside')}paths:\n${smtpYaml('mta', server.port)}`,
    );
    const { status, stdout } = await made.check(settings, ['--nagios']);
    expect(status).toBe(2);
    expect(read(stdout)).toMatchObject({ state: 'CRITICAL' });
    expect(read(stdout).values.get('arrived')?.value).toBe('0');
    expect(stdout).toContain('no / arrived=9');
  });

  test('a mailbox that cannot be read: 3', async (context) => {
    const { made, settings } = await company(context);
    const { status, stdout } = await made.check(settings, ['--nagios'], { OUTSIDE: 'changed' });
    expect(status).toBe(3);
    const { state, more } = read(stdout);
    expect(state).toBe('UNKNOWN');
    expect(more).toEqual([expect.stringMatching(/^UNKNOWN monitor\/mta\/outside not known: imap-login-refused/)]);
  });

  test('only inside mailboxes: 1, since mail to customers is not proven', async (context) => {
    const { made } = await company(context);
    const settings = made.file(
      'inside.yaml',
      `mailboxes:\n${made.mailboxYaml('inside')}paths:\n${smtpYaml('mta', made.relay.port)}`,
    );
    const { status, stdout } = await made.check(settings, ['--nagios']);
    expect(status).toBe(1);
    expect(read(stdout).more).toEqual([expect.stringMatching(/^warning not proven: mail to customers/)]);
  });

  test.each<[string, string[], RegExp]>([
    ['settings that are not there', ['--settings', 'nowhere.yaml'], /nowhere\.yaml cannot be read/],
    ['an unknown option', ['--hots', 'x'], /unknown option '--hots'/],
    ['--json as well', ['--json'], /'--nagios' cannot be used with option '--json'/],
    ['--explain as well', ['--explain'], /'--nagios' cannot be used with option '--explain'/],
    ['an unknown host', ['--host', 'web-09'], /--host must be one of monitor, got "web-09"/],
    ['a wait that is no duration', ['--wait', 'soon'], /--wait must be a duration/],
    ['an option without its value', ['--wait'], /argument missing/],
  ])('%s: 3, on standard output', async (_what, args, words) => {
    const { made, settings } = await company({ onTestFinished: (task) => void closings.push(task) });
    const given = args.includes('--settings') ? args : ['--settings', settings, ...args];
    const { status, stdout, stderr } = await tool(['check', '--nagios', ...given], {
      cwd: made.folder,
      env: made.secrets,
    });
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(read(stdout)).toMatchObject({ state: 'UNKNOWN', summary: expect.stringMatching(words) });
    expect(made.relay.counted().accepted).toBe(0);
  });

  test('a secret that is not set: 3, and several mistakes are several lines', async (context) => {
    const { made, settings } = await company(context);
    const { status, stdout } = await tool(['check', '--nagios', '--settings', settings], { cwd: made.folder });
    expect(status).toBe(3);
    expect(read(stdout).summary).toContain('secret env:OUTSIDE: this environment variable is not set');
  });

  test('a bug of ours that nobody awaits: 3, not the 1 of a crash, which would be a WARNING', async (context) => {
    const { made, settings } = await company(context);
    // Throws as soon as somebody listens for it.
    const bug =
      "const t = setInterval(() => { if (process.listenerCount('uncaughtException') > 0) { clearInterval(t); throw new Error('a bug | x=1'); } }, 1)";
    const { status, stdout } = await made.check(settings, ['--nagios'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(bug)}`,
    });
    expect(status).toBe(3);
    expect(stdout).toBe('MAIL CANARY UNKNOWN - it failed: a bug / x=1\n');
  });

  test('help is still help', async () => {
    const { status, stdout } = await tool(['check', '--nagios', '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: /);
  });
});
