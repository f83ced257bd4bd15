/** The script of a heartbeat host, run by real shells against real servers: its mail, and what the monitor hears of it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import { fleetKey, hostKey, hostKeys } from '../../lambdas/core/enrolment.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { limits, minute } from '../core/fleet.ts';
import {
  addresses,
  enrolledOf,
  folder,
  from,
  keepingSendmail,
  kept,
  listening,
  master,
  programs,
  relayAt,
  run,
  script,
  shells,
} from './heartbeat-harness.ts';
import { faulty, relay } from './smtp-harness.ts';

const headersOf = (mail: string) => ({
  canary: /^X-Mail-Canary: (.*?)\r?$/m.exec(mail)?.[1] ?? '',
  messageId: /^Message-ID: (.*?)\r?$/m.exec(mail)?.[1] ?? '',
});
const linesOf = (file: string) => readFileSync(file, 'latin1').trimEnd().split('\n');
const numberIn = (header: string, tag: string) => Number(new RegExp(`\\b${tag}=(\\d+)`).exec(header)?.[1]);

/** The mail that we would have made, with the times that this one carries. */
const expected = (mail: string, host = 'web-01', key = hostKey(master, host, 1), autoSubmitted = true) => {
  const { canary } = headersOf(mail);
  const options = { from, to: addresses.outside, autoSubmitted };
  return mimeOf(mint(`${host}/cron/outside`, numberIn(canary, 's'), numberIn(canary, 't'), key, options)).toString();
};

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('with %s', (_, shell) => {
  test('its mail is the one that mint() makes, byte by byte, through sendmail and over SMTP', async () => {
    const dir = folder();
    const began = Date.now();
    const bySendmail = await run(script(), { shell, path: programs(keepingSendmail(dir)) });
    expect(bySendmail).toEqual({ status: 0, said: '' });
    const { args, mail } = kept(dir);
    expect(args).toEqual(['-i', '-f', from, addresses.outside]);
    expect(mail).toBe(expected(mail).replaceAll('\r\n', '\n'));
    const { canary } = headersOf(mail);
    expect(numberIn(canary, 't')).toBeGreaterThanOrEqual(began - 1000);
    expect(numberIn(canary, 't')).toBeLessThanOrEqual(Date.now());
    expect(numberIn(canary, 's')).toBe(Math.floor(numberIn(canary, 't') / (15 * minute)) * 15);

    const server = await relay({ trusted: ['127.0.0.1'] });
    expect(await run(script(relayAt(server.port)), { shell })).toEqual({ status: 0, said: '' });
    const [delivered] = server.delivered;
    expect(delivered?.recipient).toBe(addresses.outside);
    const raw = delivered?.raw ?? '';
    expect(raw.slice(raw.indexOf('From: '))).toBe(expected(raw));
  });

  test('it is known as that host’s own, by header and by Message-ID; and the fleet’s as the fleet’s', async () => {
    const dir = folder();
    const path = programs(keepingSendmail(dir));
    const keys = { current: keyOf('the monitor'), hosts: hostKeys(master, ['web-01'], []) };
    const look = (mail: object) => recognise(mail, keys, Date.now(), limits.replay);
    await run(script(), { shell, path });
    const own = headersOf(kept(dir).mail);
    expect(look({ canary: own.canary })).toMatchObject({ kind: 'own', by: 'web-01', route: 'web-01/cron/outside' });
    expect(look({ messageId: own.messageId })).toMatchObject({ kind: 'own', by: 'web-01' });
    await run(script({}, { key: fleetKey(master, 1) }), { shell, path, env: { MAIL_CANARY_HOST: 'new-77' } });
    const { mail } = kept(dir);
    expect(look(headersOf(mail))).toMatchObject({ kind: 'own', by: 'every', route: 'new-77/cron/outside' });
    expect(mail).toBe(expected(mail, 'new-77', fleetKey(master, 1)).replaceAll('\r\n', '\n'));
  });

  test('it tells before and after, and is believed', async () => {
    const monitor = await listening();
    const server = await relay({ trusted: ['127.0.0.1'] });
    const settings = relayAt(server.port);
    const mailboxes = Object.entries(addresses);
    expect(await run(script(settings, { noteUrl: monitor.url, mailboxes }), { shell })).toEqual({
      status: 0,
      said: '',
    });
    expect(monitor.answers).toEqual([200, 200, 200]);
    for (const name of Object.keys(addresses)) {
      const { sending, done } = await monitor.handovers(`web-01/cron/${name}`);
      expect(sending).toMatchObject({ state: 'commanded' });
      expect(done).toMatchObject({
        state: 'accepted',
        answeredBy: 'mail-gw.example.test',
        product: 'postfix',
        leftFrom: '127.0.0.1',
        ownServer: true,
        queueId: expect.stringMatching(/^[0-9A-F]{10}$/),
      });
    }
  });

  test('a refusal comes back with the words of the relay, the hosted mailbox still takes its mail', async () => {
    const monitor = await listening();
    const server = await relay({ trusted: [] });
    const mailboxes = Object.entries(addresses);
    const ended = await run(script(relayAt(server.port), { noteUrl: monitor.url, mailboxes }), { shell });
    expect(ended.status).toBe(1);
    expect(ended.said).toContain(`the mail to ${addresses.outside} failed`);
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      evidence: `554 5.7.1 <${addresses.outside}>: Relay access denied`,
      answeredBy: 'mail-gw.example.test',
    });
    expect((await monitor.handovers('web-01/cron/inside')).done).toMatchObject({ state: 'accepted' });
  });
});

describe('over SMTP', () => {
  test.each([
    ['greylisted', 'rcpt', '451 4.7.1 Greylisted, try again', { cause: 'greylisted', temporary: true, stage: 'rcpt' }],
    [
      'a banner that refuses',
      'banner',
      '554 5.7.1 Service unavailable; Client host [10.1.2.3] blocked using zen.spamhaus.org',
      { cause: 'blocklisted', stage: 'banner', seenAs: '10.1.2.3' },
    ],
    ['the mail itself', 'body', '552 5.3.4 Message size exceeds fixed limit', { cause: 'too-large', stage: 'body' }],
    ['an unknown reply', 'mail', '550 nope', { cause: 'unknown', stage: 'mail', evidence: '550 nope' }],
  ] as const)('%s', async (_, at, say, wanted) => {
    const monitor = await listening();
    const server = await faulty({ at, does: { say } });
    const ended = await run(script(relayAt(server.port), { noteUrl: monitor.url }));
    expect(ended.status).toBe(1);
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({ state: 'refused', ...wanted });
  });

  test.each([
    [
      'hangs before the banner',
      { at: 'banner', does: 'hang' },
      { state: 'refused', cause: 'timeout-at-stage', stage: 'banner' },
    ],
    ['hangs at RCPT', { at: 'rcpt', does: 'hang' }, { state: 'refused', cause: 'timeout-at-stage', stage: 'rcpt' }],
    ['resets at MAIL', { at: 'mail', does: 'reset' }, { state: 'refused', cause: 'connection-lost', stage: 'mail' }],
    ['hangs after the final dot', { at: 'body', does: 'hang' }, { state: 'unanswered', stage: 'body' }],
    ['goes after the final dot', { at: 'body', does: 'end' }, { state: 'unanswered', stage: 'body' }],
  ] as const)('a server that %s', async (_, fault, wanted) => {
    const monitor = await listening();
    const server = await faulty(fault);
    await run(script({ ...relayAt(server.port), timeout: 1500 }, { noteUrl: monitor.url }));
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject(wanted);
  });

  test('our address as the server greets it', async () => {
    const monitor = await listening();
    const server = await faulty({ ehlo: ['mx.example.test Hello web-01 [198.51.100.7]'] });
    await run(script(relayAt(server.port), { noteUrl: monitor.url }));
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({ seenAs: '198.51.100.7' });
  });

  test('nothing listens; a name that does not exist', async () => {
    const monitor = await listening();
    const server = await relay();
    await server.close();
    await run(script(relayAt(server.port), { noteUrl: monitor.url }));
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({
      state: 'refused',
      cause: 'connect-refused',
      stage: 'connect',
      evidence: expect.stringContaining('curl: (7)'),
    });
    const nowhere = { via: 'smtp', relay: { host: 'nowhere.invalid' } } as const;
    await run(script(nowhere, { noteUrl: monitor.url, key: hostKey(master, 'web-02', 1) }));
    expect((await monitor.handovers('web-02/cron/outside')).done).toMatchObject({ cause: 'dns-failed', stage: 'dns' });
  });

  test('a relay that must offer STARTTLS and does not', async () => {
    const monitor = await listening();
    const server = await relay({ trusted: ['127.0.0.1'] });
    const settings = { via: 'smtp', relay: { host: '127.0.0.1', port: server.port, requireTls: true } } as const;
    await run(script(settings, { noteUrl: monitor.url }));
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({
      cause: 'tls-required',
      stage: 'tls',
    });
    expect(server.delivered).toEqual([]);
  });

  test('a server that says far too much is told within the limit of a telling', async () => {
    const monitor = await listening();
    const server = await faulty({
      ehlo: ['mx', ...Array.from({ length: 90 }, (_, n) => `X-${n} ${'"\\'.repeat(100)}`)],
      at: 'rcpt',
      does: { say: '554 5.7.1 Relay access denied' },
    });
    await run(script(relayAt(server.port), { noteUrl: monitor.url }));
    expect(monitor.answers).toEqual([200, 200]);
    expect((await monitor.handovers('web-01/cron/outside')).done).toMatchObject({ state: 'refused' });
  });
});

describe('through sendmail', () => {
  const through = async (lines: Readonly<Record<string, string>>) => {
    const monitor = await listening();
    const ended = await run(script({}, { noteUrl: monitor.url }), { path: programs(lines) });
    return { ...ended, ...(await monitor.handovers('web-01/cron/outside')) };
  };

  test('taken by the host’s own mail server', async () => {
    const { status, sending, done } = await through(keepingSendmail(folder()));
    expect(status).toBe(0);
    expect(sending).toMatchObject({ state: 'commanded' });
    expect(done).toMatchObject({ state: 'accepted', ownServer: true });
  });

  test.each([
    [
      'msmtp repeats the relay',
      65,
      'msmtp: recipient address canary@supplier.test not accepted by the server\nmsmtp: server message: 554 5.7.1 <canary@supplier.test>: Relay access denied\nmsmtp: could not send mail (account default)',
      {
        state: 'refused',
        cause: 'relay-denied',
        temporary: false,
        ownServer: false,
        evidence: '554 5.7.1 <canary@supplier.test>: Relay access denied',
      },
    ],
    [
      'the queue cannot be written',
      75,
      'postdrop: warning: mail_queue_enter: No space left on device',
      {
        state: 'refused',
        cause: 'unknown',
        temporary: true,
        ownServer: true,
        evidence: 'postdrop: warning: mail_queue_enter: No space left on device',
      },
    ],
    [
      'another error',
      78,
      'account default not found',
      { state: 'refused', cause: 'unknown', temporary: false, evidence: 'account default not found' },
    ],
    ['our own mistake', 64, 'usage', { state: 'unsent', cause: 'sender-failed' }],
    ['there is none', 127, 'sh: sendmail: not found', { state: 'refused', cause: 'no-mailer', ownServer: true }],
  ])('%s', async (_, status, words, wanted) => {
    const told = await through(keepingSendmail(folder(), { status, words }));
    expect(told.status).toBe(1);
    expect(told.done).toMatchObject(wanted);
  });

  const waiting = (reason: string) => ({
    ...keepingSendmail(folder()),
    mailq: `cat <<'END'
-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
AAAAAAAAAA      900 Thu Nov  6 10:00:00  orders@example.test
        (host elsewhere[10.0.0.9] said: 550 5.1.1 somebody else (in reply to RCPT TO command))
                                         another-canary@supplier.test

BBBBBBBBBB*     900 Thu Nov  6 10:00:01  orders@example.test
${reason === '' ? '' : `        (${reason})\n`}                                         ${addresses.outside}

-- 2 Kbytes in 2 Requests.
END`,
  });

  test.each([
    [
      'the relay answered',
      'host mail-gw[10.0.0.5] said: 450 4.7.1 <canary@supplier.test>: Recipient address rejected: Greylisted (in reply to RCPT TO command)',
      { cause: 'greylisted', stage: 'rcpt', answeredBy: 'mail-gw', ownServer: false },
    ],
    [
      'nobody answered',
      'connect to mail-gw[10.0.0.5]:25: Connection timed out',
      { cause: 'queued-on-host', ownServer: true },
    ],
  ])('it waits in the host’s own queue: %s', async (_, reason, wanted) => {
    const { status, done } = await through(waiting(reason));
    expect(status).toBe(0);
    expect(done).toMatchObject({
      state: 'refused',
      temporary: true,
      evidence: expect.stringContaining(reason.slice(-40, -30)),
      ...wanted,
    });
  });

  test('it is on its way out of the queue: nothing is known but that it was taken', async () => {
    expect((await through(waiting(''))).done).toMatchObject({ state: 'accepted' });
  });
});

describe('whatever happens to the telling, the mail goes', () => {
  const mailed = async (noteUrl: string, lines: Readonly<Record<string, string>> = {}, change = {}) => {
    const dir = folder();
    const ended = await run(script({}, { noteUrl, ...change }), {
      path: programs({ ...keepingSendmail(dir), ...lines }),
    });
    expect(kept(dir).mail).toContain('X-Mail-Canary: v=1; ');
    return ended;
  };

  test('nobody listens', async () => {
    const ended = await mailed('http://127.0.0.1:1/');
    expect(ended.status).toBe(0);
    expect(ended.said.match(/telling the monitor failed: .*Connection refused|Couldn't connect/g)).not.toBeNull();
  });

  test('there is no curl', async () => {
    const ended = await mailed('http://127.0.0.1:1/', { curl: 'echo "curl: not found" >&2; exit 127' });
    expect(ended).toMatchObject({ status: 0, said: expect.stringContaining('curl: not found') });
  });

  test('its clock is wrong: it is told the time', async () => {
    const monitor = await listening();
    const date = 'exec /usr/bin/date -d "-2 hours" "$@"';
    const ended = await mailed(monitor.url, { date });
    expect(ended.status).toBe(0);
    expect(ended.said).toMatch(/the clock of web-01 is 120 minutes behind.*"time":"\d{4}-/);
    expect(monitor.answers).toEqual([401, 401]);
    expect(await monitor.handovers('web-01/cron/outside')).toEqual({});
  });

  test('its key was revoked, or is another host’s', async () => {
    const monitor = await listening();
    await monitor.items.putEnrolment({ id: 'web-01', generation: 2, changedAt: Date.now() });
    expect((await mailed(monitor.url)).said).toContain('was revoked: enroll again');
    const forged = { ...hostKey(master, 'web-01', 1), host: 'web-02' };
    expect((await mailed(monitor.url, {}, { key: forged })).said).toContain('not one of web-02, generation 1');
    expect(monitor.answers).toEqual([401, 401, 401, 401]);
    for (const host of ['web-01', 'web-02']) expect(await monitor.handovers(`${host}/cron/outside`)).toEqual({});
    const renewed = await mailed(monitor.url, {}, { key: hostKey(master, 'web-01', 2), generation: 2 });
    expect(renewed).toEqual({ status: 0, said: '' });
  });
});

describe('the script of a fleet', () => {
  const ofFleet = (noteUrl?: string) =>
    script({}, { key: fleetKey(master, 1), noteUrl, mailboxes: Object.entries(addresses) });

  test('registers a host that nobody listed, by the name of the machine', async () => {
    const monitor = await listening();
    const path = programs({
      ...keepingSendmail(folder()),
      uname: 'echo new-77',
      ip: 'echo "192.0.2.1 dev eth0 src 10.9.0.77 uid 0"',
    });
    expect(await run(ofFleet(monitor.url), { path })).toEqual({ status: 0, said: '' });
    expect(await monitor.items.hellos()).toMatchObject([{ id: 'new-77', path: 'cron', address: '10.9.0.77' }]);
    const { sending, done } = await monitor.handovers('new-77/cron/inside');
    expect([sending?.state, done?.state]).toEqual(['commanded', 'accepted']);
  });

  test.each(['', 'a b', '../x', 'x"y', '-n', 'x/y', 'x;y', "x'y", '*'])('the machine calls itself %j', async (name) => {
    const dir = folder();
    const path = programs({ ...keepingSendmail(dir), uname: `printf '%s' '${name.replaceAll("'", "'\\''")}'` });
    const ended = await run(ofFleet(), { path });
    expect(ended).toEqual({ status: 2, said: expect.stringContaining('set MAIL_CANARY_HOST') });
    expect(() => kept(dir)).toThrow();
  });
});

describe('on a schedule', () => {
  test('it waits a random time up to the delay, and not at all with --now', async () => {
    const dir = folder();
    const path = programs({ ...keepingSendmail(dir), sleep: `echo "$1" >> ${dir}/slept` });
    const delayed = script({ every: '15 minutes' });
    const runs = await Promise.all(Array.from({ length: 6 }, () => run(delayed, { path, args: [] })));
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    // Each also waits a second before it looks at the queue.
    const slept = linesOf(`${dir}/slept`)
      .filter((line) => line !== '1')
      .map(Number);
    expect(slept.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...slept)).toBeLessThanOrEqual(300);
    expect(new Set(slept).size).toBeGreaterThan(1);
    await run(delayed, { path, args: ['--now'] });
    expect(linesOf(`${dir}/slept`).filter((line) => line !== '1')).toHaveLength(slept.length);
  });

  test('a path without Auto-Submitted sends none', async () => {
    const dir = folder();
    const settings = { ...enrolledOf().settings, autoSubmitted: false };
    await run(script({}, { settings }), { path: programs(keepingSendmail(dir)) });
    const { mail } = kept(dir);
    expect(mail).not.toContain('Auto-Submitted');
    expect(mail).toBe(expected(mail, 'web-01', hostKey(master, 'web-01', 1), false).replaceAll('\r\n', '\n'));
  });
});

describe('the key', () => {
  /** Runs a script with every program that it starts replaced by one that writes down its arguments and variables. */
  const watched = async (text: string) => {
    const dir = folder();
    const programsUsed = ['openssl', 'od', 'date', 'curl', 'ip', 'tr', 'sleep', 'timeout', 'uname', 'printf', 'cat'];
    const real = (name: string) => (name === 'ip' ? '/usr/sbin/ip' : `/usr/bin/${name}`);
    const path = programs({
      ...Object.fromEntries(
        programsUsed.map((name) => [
          name,
          `{ printf '%s\\n' "started ${name} $*"; /usr/bin/env; } >> ${dir}/log; exec ${real(name)} "$@"`,
        ]),
      ),
      sendmail: `{ echo "started sendmail $*"; /usr/bin/env; } >> ${dir}/log; /usr/bin/cat > /dev/null`,
      mailq: 'echo "Mail queue is empty"',
    });
    await run(text, { path });
    return linesOf(`${dir}/log`).join('\n');
  };
  const { secret } = hostKey(master, 'web-01', 1);
  const pad = (byte: number) => Buffer.from([...Buffer.from(secret)].map((one) => one ^ byte));
  /** As the script has it, as bytes, as hex and as base64; a part of it is as bad as the whole. */
  const forms = [0x36, 0x5c].flatMap((byte) => [
    [...pad(byte)]
      .map((one) => `\\${one.toString(8).padStart(3, '0')}`)
      .join('')
      .slice(0, 32),
    pad(byte).toString('latin1').replaceAll('\0', '').slice(0, 8),
    pad(byte).toString('hex').slice(0, 16),
  ]);
  const found = (log: string) =>
    [secret, Buffer.from(secret).toString('base64'), ...forms].filter((form) => log.includes(form));

  test.each([
    ['sendmail', {}, 'sendmail -i'],
    ['smtp', relayAt(1), 'curl -q -sS -v'],
  ] as const)('never becomes an argument or a variable of a program (%s)', async (_, settings, mailer) => {
    const monitor = await listening();
    const text = script(settings, { noteUrl: monitor.url });
    expect(text).not.toContain(secret);
    const log = await watched(text);
    expect(monitor.answers).toEqual([200, 200]);
    for (const one of ['openssl dgst -sha256', 'od -An', 'date +%s', 'curl -q -sS --max-time', mailer])
      expect(log).toContain(`started ${one}`);
    expect(found(log)).toEqual([]);
    // What is looked for would be found: here a program is given the key.
    expect(found(await watched(text.replaceAll('printf "$inner"', 'env printf "$inner"'))).length).toBeGreaterThan(0);
  });

  test('a shell whose printf is a program is refused before it is used', async () => {
    const dir = folder();
    const text = script().replace('case $(command -v printf) in', 'case /usr/bin/printf in');
    const ended = await run(text, { path: programs(keepingSendmail(dir)) });
    expect(ended).toEqual({ status: 2, said: expect.stringContaining('no printf of its own') });
  });
});
