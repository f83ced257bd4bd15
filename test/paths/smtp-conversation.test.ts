/** What both sides said is kept for every canary that was not taken, and no form of any secret with it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { conversationOf, withoutLogin } from '../../lambdas/paths/smtp/conversation.ts';
import { tokenEndpoint } from '../oauth/endpoint.ts';
import { type FaultyStage, faultyStages, startFaultySmtp } from '../servers/faulty-smtp.ts';
import { auth, ca, faulty, leaked, open, password, relay, send, server } from './smtp-harness.ts';

describe('the conversation of a canary that was not taken', () => {
  test('is kept, with what was said before and after TLS; the login and the message are left out', async () => {
    const { port } = await faulty({
      ...server,
      at: 'body',
      does: { say: '554 5.7.1 not\r\n554 today'.replace('554 5', '554-5') },
    });
    const handover = await send({ port, tls: ca, auth, name: 'web-03.example.test' });
    expect(handover.conversation).toEqual([
      'S: 220 faulty.example.test ESMTP',
      'C: EHLO web-03.example.test',
      'S: 250-faulty.example.test',
      'S: 250-SIZE 10240000',
      'S: 250-AUTH PLAIN LOGIN',
      'S: 250-DSN',
      'S: 250 STARTTLS',
      'C: STARTTLS',
      'S: 220 2.0.0 Ready to start TLS',
      'C: EHLO web-03.example.test',
      'S: 250-faulty.example.test',
      'S: 250-SIZE 10240000',
      'S: 250-AUTH PLAIN LOGIN',
      'S: 250 DSN',
      'C: AUTH PLAIN ***',
      'S: 235 2.7.0 Authentication successful',
      'C: MAIL FROM:<orders@example.test> RET=HDRS ENVID=bcdfghjklmnpqrstvwxz',
      'S: 250 2.1.0 Ok',
      'C: RCPT TO:<canary@supplier.example> NOTIFY=FAILURE,DELAY',
      'S: 250 2.1.5 Ok',
      'C: DATA',
      'S: 354 End data with <CR><LF>.<CR><LF>',
      expect.stringMatching(/^C: \(message, \d{3} bytes\)$/),
      'S: 554-5.7.1 not',
      'S: 554 today',
    ]);
  });

  test('of a login in steps, no step is kept; a server that asks for ever is cut off', async () => {
    const { port, lines } = await faulty({ ehlo: ['x', 'AUTH LOGIN'], at: 'auth', does: { say: '334 VXNlcm5hbWU6' } });
    const handover = await send({ port, auth }, { ms: 10_000 });
    expect(handover).toMatchObject({
      state: 'refused',
      cause: 'protocol-error',
      temporary: false,
      stage: 'auth',
      evidence: 'the conversation does not come to an end',
    });
    const challenge = 'S: 334 VXNlcm5hbWU6';
    const steps = ['C: AUTH LOGIN', challenge, 'C: ***', challenge, 'C: ***', challenge, 'C: ***'];
    expect(handover.conversation?.slice(4, 4 + steps.length)).toEqual(steps);
    expect(lines.length).toBeLessThan(110);
  });

  test('and so is one that says too much at once', async () => {
    const long = `334 ${'x'.repeat(60_000)}`;
    const { port, lines } = await faulty({ ehlo: ['x', 'AUTH LOGIN'], at: 'auth', does: { say: long } });
    expect(await send({ port, auth }, { ms: 10_000 })).toMatchObject({ cause: 'protocol-error', stage: 'auth' });
    expect(lines.length).toBeLessThan(10);
  });

  test('is there when nobody answers for the mail, and when the server goes silent', async () => {
    const silent = await faulty({ at: 'rcpt', does: 'hang' });
    const stuck = await send({ port: silent.port }, { ms: 300 });
    expect(stuck.conversation?.at(-1)).toBe('C: RCPT TO:<canary@supplier.example> NOTIFY=FAILURE,DELAY');
    const lost = await faulty({ at: 'body', does: 'reset' });
    const unanswered = await send({ port: lost.port });
    expect(unanswered.state).toBe('unanswered');
    expect(unanswered.conversation?.at(-1)).toMatch(/^C: \(message, \d+ bytes\)$/);
  });

  test('is not kept of one that was taken, nor where nothing was said', async () => {
    const gateway = await relay();
    const taken = await send({ port: gateway.port, localAddress: '127.0.0.13' });
    expect(taken.state).toBe('accepted');
    expect(taken.conversation).toBeUndefined();
    expect((await send({ host: 'no-such-host.invalid' }, { ms: 3000 })).conversation).toBeUndefined();
  });

  test('has at most 40 lines of 200 characters: the beginning and the end', async () => {
    const { port } = await faulty({
      ehlo: Array.from({ length: 100 }, (_, index) => `X-${index}-${'x'.repeat(300)}`),
      at: 'rcpt',
      does: { say: '554 5.7.1 <x>: Relay access denied' },
    });
    const { conversation = [] } = await send({ port });
    expect(conversation).toHaveLength(40);
    expect(conversation.every((line) => line.length <= 200)).toBe(true);
    expect(conversation[0]).toBe('S: 220 faulty.example.test ESMTP');
    expect(conversation[20]).toMatch(/^\(\d\d lines left out\)$/);
    expect(conversation.at(-1)).toBe('S: 554 5.7.1 <x>: Relay access denied');
    const exactly = (count: number) =>
      conversationOf(
        Array.from({ length: count }, (_, index) => ({ by: 'S' as const, text: `250 ${index}` })),
        (words) => words,
      );
    expect(exactly(40)).toHaveLength(40);
    expect(exactly(40)).not.toContainEqual(expect.stringContaining('left out'));
    expect(exactly(41)).toHaveLength(40);
    expect(exactly(41)?.[20]).toBe('(2 lines left out)');
  });
});

test('of what is said in a login, only the method is kept', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (words) => {
      expect(withoutLogin(words, true)).toMatch(/^(\*\*\*|AUTH [\w-]{1,20}( \*\*\*)?)$/);
    }),
  );
  expect(withoutLogin('AUTH CRAM-MD5', true)).toBe('AUTH CRAM-MD5');
  expect(withoutLogin('AUTH PLAIN AGEAYg==', true)).toBe('AUTH PLAIN ***');
  expect(withoutLogin('AUTHPLAINAGEAYg==', true)).toBe('***');
  expect(withoutLogin('', true)).toBe('***');
});

describe('no form of a secret is in anything that is kept', () => {
  const token = `eyJhbGciOi.${'Zm9vYmFyMTIz'.repeat(20)}.sig-_nature`;
  const secrets = [password, token];

  /** What a server could say of a login that it saw, in whatever way it writes. */
  const echoes = (line: string): readonly string[] => {
    const last = line.split(' ').at(-1) ?? '';
    const decoded = Buffer.from(last, 'base64').toString();
    const credential =
      decoded
        .split(/[\0\x01]/)
        .filter((part) => part !== '')
        .at(-1) ?? decoded;
    return [
      line,
      last,
      last.toUpperCase(),
      last.slice(3, 60),
      decoded.replace(/[\0\x01]/g, ' '),
      credential,
      Buffer.from(credential).toString('base64'),
      Buffer.from(JSON.stringify({ status: '400', you: decoded })).toString('base64'),
      JSON.stringify({ credential }),
      encodeURIComponent(credential),
    ];
  };

  test.each([
    ['PLAIN', 'AUTH PLAIN'],
    ['LOGIN', 'AUTH LOGIN'],
    ['XOAUTH2', 'AUTH XOAUTH2'],
  ])('%s, whatever the server repeats and wherever', async (_method, offered) => {
    const endpoint = await tokenEndpoint(() => ({ body: { access_token: token, expires_in: 3600 } }));
    const login = offered.endsWith('XOAUTH2')
      ? { user: 'orders', oauth2: { tokenUrl: endpoint.url, clientId: 'c', refreshToken: 'env:REFRESH' } }
      : auth;
    // What a client says to this server is the material of the echoes.
    const lessons = await startFaultySmtp({ ehlo: ['x', offered], at: 'auth', does: { say: '334 VXNlcm5hbWU6' } });
    await send({ port: lessons.port, auth: login }, { ms: 400 });
    await lessons.close();
    const said = lessons.lines.filter((line) => !/^(EHLO|QUIT)/.test(line) && line.length > 12);
    expect(said.length).toBeGreaterThan(0);
    const material = said.flatMap(echoes);
    expect(material.some((form) => form.includes(offered.endsWith('XOAUTH2') ? token : password))).toBe(true);

    const stages = faultyStages.filter((stage) => stage !== 'starttls' && stage !== 'tls');
    const reply = fc.record({
      code: fc.constantFrom('220', '235', '250', '334', '354', '421', '454', '504', '535', '554'),
      before: fc.string({ maxLength: 20 }).map((words) => words.replace(/[\r\n]/g, ' ')),
      form: fc.constantFrom(...material),
      twice: fc.boolean(),
      lines: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom<FaultyStage>(...stages), reply, async (at, how) => {
        const { code, before, form, twice, lines } = how;
        const words = `${before}${form}${twice ? ` ${form}` : ''}`;
        const say = lines ? `${code}-${words}\r\n${code} ${form}` : `${code} ${words}`;
        const started = await startFaultySmtp({ ehlo: ['x', offered], at, does: { say, end: !/^[23]/.test(code) } });
        try {
          const handover = await open({ port: started.port, auth: login })({ ms: 250 });
          expect(leaked(JSON.stringify(handover), secrets)).toEqual([]);
        } finally {
          await started.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
