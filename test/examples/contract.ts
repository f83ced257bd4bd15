/** What every example endpoint does beyond what `conformance` can see from outside: the same for each language, over HTTP alone. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { checks } from '../../bin/conformance/checks.ts';
import { runChecks } from '../../bin/conformance/run.ts';
import { type Relay, startRelay } from '../../demo/servers/relay.ts';
import { ask as request } from '../../lambdas/paths/http/exchange.ts';
import { sign, verifyAnswer } from '../../lambdas/paths/http/sign.ts';

/** What an endpoint under test is started with. */
export type Wanted = {
  readonly host: string;
  readonly secret: string;
  readonly recipients: readonly string[];
  readonly relay: { readonly host: string; readonly port: number };
  readonly perMinute: number;
  readonly mostBody: number;
  /** More for the environment of a program. */
  readonly env?: Readonly<Record<string, string>>;
};

export type Started = {
  readonly url: string;
  /** Counts failed mails of the application's own, as the application does. */
  readonly countFailures: (count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

export type Language = {
  readonly name: string;
  readonly start: (wanted: Wanted) => Promise<Started>;
  /** What it tells of a refusal; undefined where the mailer of the language keeps the server's reply to itself: PHP's mail(). */
  readonly refusal: RegExp | undefined;
  /** False where it keeps the error code of the system to itself. @default true */
  readonly tellsCodes?: boolean;
};

/** The reply of the relay, word for word. */
export const inFullWords = /^554[ -]5\.7\.1 <canary@supplier\.example>: Relay access denied\s*$/;

export const recipients = ['canary@supplier.example', 'canary@example.test'] as const;

/** A relay with a trust list, an endpoint in front of it, and one who asks as the monitor does. */
export const open = async ({ start }: Language, wanted: Partial<Wanted> = {}, trusted = ['127.0.0.1']) => {
  const secret = randomBytes(18).toString('base64url');
  const mails: { readonly recipient: string; readonly raw: string }[] = [];
  const relay: Relay = await startRelay({
    trusted,
    deliver: (recipient, raw) => void mails.push({ recipient, raw: raw.toString() }),
  });
  const endpoint = await start({
    ...{ host: 'web-03', secret, recipients, relay, perMinute: 1, mostBody: 16 * 1024 },
    ...wanted,
  });
  const fields = () => {
    const id = randomBytes(10).toString('hex');
    return {
      host: 'web-03',
      id,
      from: 'orders@example.test',
      to: recipients[0] as string,
      subject: `Mail canary web-03 ${id}`,
      // As long as real ones are: a mailer that folds or encodes it changes what the mailbox is searched for.
      messageId: `<${id}.bbccddff.${'k'.repeat(8)}.${'t'.repeat(9)}.${'0123456789'.repeat(4)}@example.test>`,
      headers: {
        'X-Mail-Canary': `v=1; k=bbccddff; r=web-03/app/outside; s=29; t=1; m=${'ab'.repeat(20)}`,
        'Auto-Submitted': 'auto-generated',
      },
      text: 'This is a mail canary.\nIt has two lines.\n',
    };
  };
  const ask = async (body: unknown) => {
    const text = JSON.stringify(body);
    const timestamp = Math.floor(Date.now() / 1000);
    const url = new URL(endpoint.url);
    const path = url.pathname + url.search;
    const requestSignature = sign(secret, { method: 'POST', path, timestamp, body: text });
    const headers = {
      'content-type': 'application/json',
      'x-mail-canary-timestamp': String(timestamp),
      'x-mail-canary-signature': requestSignature,
    };
    const came = await request({ url, headers, body: text }, AbortSignal.timeout(60_000));
    if (came.state === 'none') throw came.error;
    const { status, body: answer, signature } = came;
    const signed = verifyAnswer(secret, { status, requestSignature, body: answer }, signature);
    return { status, signed, body: JSON.parse(answer) as Record<string, unknown> };
  };
  const close = async () => {
    await endpoint.stop();
    await relay.close();
  };
  return { ...endpoint, ask, fields, mails, relay, secret, close };
};

type Opened = Awaited<ReturnType<typeof open>>;

const within = async (opened: Promise<Opened>, task: (opened: Opened) => Promise<void>): Promise<void> => {
  const one = await opened;
  try {
    await task(one);
  } finally {
    await one.close();
  }
};

/** One header of a mail, unfolded. */
const headerOf = (raw: string, name: string): string | undefined =>
  new RegExp(`^${name}:[ \\t]*((?:.|\\r\\n[ \\t])*)`, 'im')
    .exec(raw.split('\r\n\r\n')[0] ?? '')?.[1]
    ?.replace(/\r\n[ \t]+/g, ' ')
    .trim();

/** Declares the tests of one language. */
export const fulfilsContract = (language: Language): void => {
  test('it passes every check of conformance, a canary and its repetition included', () =>
    within(open(language), async ({ url, secret, fields, mails }) => {
      const rows = await runChecks({
        url: new URL(url),
        secret,
        host: 'web-03',
        largest: 16 * 1024,
        mail: fields(),
        random: () => randomBytes(10).toString('hex'),
        now: Math.floor(Date.now() / 1000),
      });
      expect(rows.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
      expect(rows).toHaveLength(checks.length);
      await expect.poll(() => mails.length).toBe(1);
    }));

  test('the mail is the one that was asked for, to the byte of its token', () =>
    within(open(language), async ({ ask, fields, mails }) => {
      const mail = fields();
      const answer = await ask(mail);
      expect(answer).toMatchObject({ status: 200, signed: true, body: { state: 'sent' } });
      expect(answer.body).not.toHaveProperty('failures');
      await expect.poll(() => mails.length).toBe(1);
      const { recipient, raw = '' } = mails[0] ?? {};
      expect(recipient).toBe(mail.to);
      expect(headerOf(raw, 'Message-ID')).toBe(mail.messageId);
      expect(headerOf(raw, 'X-Mail-Canary')).toBe(mail.headers['X-Mail-Canary']);
      expect(headerOf(raw, 'Auto-Submitted')).toBe('auto-generated');
      expect(headerOf(raw, 'Subject')).toBe(mail.subject);
      expect(headerOf(raw, 'From')).toContain(mail.from);
      expect(raw.split('\r\n\r\n').slice(1).join('\r\n\r\n').trim()).toBe(mail.text.trim().replaceAll('\n', '\r\n'));
    }));

  test('one mail for one id, however often and at once it is asked', () =>
    within(open(language), async ({ ask, fields, mails }) => {
      const mail = fields();
      const answers = await Promise.all([ask(mail), ask(mail), ask(mail)]);
      answers.push(await ask({ ...mail, headers: { 'X-Mail-Canary': 'minted again' } }));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]?.status).toBe(200);
      await expect.poll(() => mails.length).toBe(1);
    }));

  test('one mail a minute to each recipient, and one more at once', () =>
    within(open(language), async ({ ask, fields, mails }) => {
      const statuses: number[] = [];
      for (let i = 0; i < 4; i += 1) statuses.push((await ask(fields())).status);
      expect(statuses).toEqual([200, 200, 429, 429]);
      expect((await ask({ ...fields(), to: 'Canary@Example.test' })).status).toBe(200);
      await expect.poll(() => mails.length).toBe(3);
    }));

  test('a relay that does not trust the host: it says so', () =>
    within(open(language, {}, []), async ({ ask, fields, mails }) => {
      const { status, body } = await ask(fields());
      expect({ status, state: body.state }).toEqual({ status: 502, state: 'failed' });
      if (language.refusal === undefined) expect(body.response).toBeUndefined();
      else expect(body.response).toMatch(language.refusal);
      expect(String(body.error)).not.toBe('');
      expect(mails).toEqual([]);
    }));

  test('no relay at all: it says so', () =>
    within(open(language), async ({ ask, fields, relay }) => {
      await relay.close();
      const { status, body } = await ask(fields());
      expect({ status, state: body.state }).toEqual({ status: 502, state: 'failed' });
      if (language.tellsCodes ?? true) expect(body.code).toBe('ECONNREFUSED');
    }));

  test('an attachment arrives to the byte; without the setting for larger bodies it is refused', () =>
    within(open(language, { mostBody: 1_500_000 }), async ({ ask, fields, mails }) => {
      const bytes = randomBytes(1_000_000);
      const attachment = { name: 'canary.bin', type: 'application/octet-stream', base64: bytes.toString('base64') };
      expect((await ask({ ...fields(), attachment })).status).toBe(200);
      await expect.poll(() => mails.length).toBe(1);
      const raw = mails[0]?.raw ?? '';
      expect(raw).toMatch(/filename="?canary\.bin"?/);
      expect(raw.replace(/[\r\n]/g, '')).toContain(bytes.toString('base64'));
      const wrong = [
        { ...attachment, name: '../canary.bin' },
        { ...attachment, name: 'a\r\nBcc: victim@supplier.example' },
        { ...attachment, type: 'text/html' },
        { ...attachment, base64: 'not base64!' },
        { ...attachment, base64: ['YQ=='] },
        'canary.bin',
        null,
      ];
      for (const one of wrong) expect((await ask({ ...fields(), attachment: one })).status).toBe(400);
      expect((await ask({ ...fields(), text: 'x'.repeat(1_500_000) })).status).toBe(413);
    }));

  test("the application's own failures are told once", () =>
    within(open(language, { perMinute: 60 }), async ({ ask, fields, countFailures }) => {
      await countFailures(3);
      expect((await ask(fields())).body.failures).toBe(3);
      expect((await ask(fields())).body.failures).toBe(0);
      await countFailures(2);
      // An answer that says nothing of mail does not take them.
      expect((await ask({ ...fields(), host: 'web-04' })).body).toEqual({ host: 'web-03' });
      expect((await ask(fields())).body.failures).toBe(2);
    }));
};
