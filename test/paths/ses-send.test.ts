/** What goes over the wire to SES, read as SES would read it. */
import { hash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { attachmentOf, digestOf } from '../../lambdas/core/attachment.ts';
import { mint, recognise } from '../../lambdas/core/canary.ts';
import type { CanaryMail } from '../../lambdas/core/words.ts';
import { mostAttached } from '../../lambdas/paths/ses/settings.ts';
import {
  deadlineBy,
  endpoint,
  from,
  host,
  key,
  mail,
  messageId,
  open,
  send,
  sessionToken,
  taken,
  to,
} from './ses-harness.ts';

const rawOf = (form: URLSearchParams): Buffer => Buffer.from(form.get('RawMessage.Data') ?? '', 'base64');
const headOf = (raw: Buffer): string[] => (raw.toString('latin1').split('\r\n\r\n')[0] ?? '').split('\r\n');
const headerOf = (raw: Buffer, name: string): string | undefined =>
  headOf(raw)
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2);
const tagsOf = (form: URLSearchParams): [name: string, value: string][] =>
  [1, 2, 3, 4, 5, 6].flatMap((index) => {
    const name = form.get(`Tags.member.${index}.Name`);
    return name === null ? [] : [[name, form.get(`Tags.member.${index}.Value`) ?? '']];
  });

describe('a canary through SES', () => {
  test('is accepted under the id that SES gave it, by the endpoint that answered', async () => {
    const aws = await endpoint(taken);
    expect(await send(aws.url)).toEqual({
      state: 'accepted',
      sentAt: mail.sentAt,
      stage: 'http',
      ownServer: false,
      evidence: `MessageId ${messageId}`,
      answeredBy: aws.server,
      queueId: messageId,
      product: 'ses',
    });
  });

  test('is one SendRawEmail from the path to the mailbox, and nothing else', async () => {
    const aws = await endpoint(taken);
    await send(aws.url);
    expect(aws.calls).toHaveLength(1);
    const form = aws.calls[0]?.form ?? new URLSearchParams();
    const rest = [...form].filter(([name]) => !/^(RawMessage\.Data|Tags\.member\.\d+\.(Name|Value))$/.test(name));
    expect(rest.sort()).toEqual([
      ['Action', 'SendRawEmail'],
      ['Destinations.member.1', to],
      ['Source', from],
      ['Version', '2010-12-01'],
    ]);
    expect(aws.calls[0]?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/eu-west-1\/ses\//,
    );
    expect(aws.calls[0]?.headers['x-amz-security-token']).toBe(sessionToken);
  });

  test('is recognised by its header, since SES writes its own Message-ID and Date', async () => {
    const aws = await endpoint(taken);
    await send(aws.url);
    const raw = rawOf(aws.calls[0]?.form ?? new URLSearchParams());
    expect(headerOf(raw, 'From')).toBe(from);
    expect(headerOf(raw, 'To')).toBe(to);
    const canary = headerOf(raw, 'X-Mail-Canary');
    expect(recognise({ canary }, { current: key }, mail.sentAt + 1000, 86_400_000)).toEqual({
      kind: 'own',
      id: mail.id,
      route: mail.route,
      slot: mail.slot,
      sentAt: mail.sentAt,
    });
    expect(raw.toString('latin1')).toContain('This is a test e-mail of Mail Canary');
  });

  test('carries the configuration set of the settings, and that of the stack under its name', async () => {
    const aws = await endpoint(taken);
    await send(aws.url, { configurationSet: 'orders' });
    await send(aws.url, { configurationSet: 'stack' }, { monitor: 'production' });
    expect(aws.calls.map(({ form }) => form.get('ConfigurationSetName'))).toEqual(['orders', 'mail-canary-production']);
  });

  test('names an identity of another account wherever SES asks for one', async () => {
    const aws = await endpoint(taken);
    const arn = 'arn:aws:ses:eu-west-1:111122223333:identity/example.test';
    await send(aws.url, { identityArn: arn });
    const form = aws.calls[0]?.form;
    expect(['SourceArn', 'FromArn', 'ReturnPathArn'].map((name) => form?.get(name))).toEqual([arn, arn, arn]);
  });

  test('is tagged with its id, its monitor and its token, in letters that SES takes', async () => {
    const aws = await endpoint(taken);
    const route = `${'h'.repeat(100)}/${'p'.repeat(41)}/${'é'.repeat(41)}`;
    const options = { from, to, autoSubmitted: true };
    await send(aws.url, {}, { mail: mint(route, 29_000_000, mail.sentAt, key, options), monitor: 'prod uction\r\n;=' });
    const tags = tagsOf(aws.calls[0]?.form ?? new URLSearchParams());
    expect(tags.map(([name]) => name)).toEqual([
      'mail-canary',
      'mail-canary-monitor',
      ...[1, 2, 3, 4].map((part) => `mail-canary-token-${part}`).slice(0, tags.length - 2),
    ]);
    expect(tags.length).toBeGreaterThan(3);
    for (const [name, value] of tags)
      expect([name, value]).toEqual([name, expect.stringMatching(/^[A-Za-z0-9_-]{1,256}$/)]);
    expect(Object.fromEntries(tags)['mail-canary-monitor']).toBe('prod_uction____');
  });

  test('has a connection of its own each time: one that waited in a frozen function may be dead', async () => {
    const aws = await endpoint(taken);
    const attempt = open(aws.url);
    for (let count = 0; count < 3; count++) await attempt(mail, host, AbortSignal.timeout(15_000));
    expect(aws.calls.map(({ headers }) => headers.connection)).toEqual(['close', 'close', 'close']);
    expect(new Set(aws.calls.map(({ port }) => port)).size).toBe(3);
  });
});

describe('an attachment', () => {
  const sized = (size: number): CanaryMail => ({ ...mail, size });

  test('arrives byte for byte', async () => {
    const aws = await endpoint(taken);
    await send(aws.url, {}, { mail: sized(50_000) });
    const raw = rawOf(aws.calls[0]?.form ?? new URLSearchParams()).toString('latin1');
    const [, body = ''] = /Content-Disposition: attachment[^\r]*\r\n\r\n([A-Za-z0-9+/=\r\n]+?)\r\n--/.exec(raw) ?? [];
    const bytes = Buffer.from(body, 'base64');
    expect(bytes.equals(attachmentOf(mail.id, 50_000))).toBe(true);
    expect(hash('sha256', bytes, 'hex')).toBe(digestOf(mail.id, 50_000));
  });

  test('as large as the settings allow stays below the 10 MiB that SES takes', async () => {
    const aws = await endpoint(taken);
    const handover = await send(aws.url, {}, { mail: sized(mostAttached) });
    expect(handover.state).toBe('accepted');
    const { length } = rawOf(aws.calls[0]?.form ?? new URLSearchParams());
    expect(length).toBeGreaterThan(10_000_000);
    expect(length).toBeLessThan(10 * 1024 * 1024);
  });
});

describe('hostile values', () => {
  test.each([
    'orders@example.test\r\nBcc: victim@example.org',
    'orders@example.test\nX-SES-CONFIGURATION-SET: other',
    '"a, victim@example.org"@example.test',
    'orders@example.test&Destinations.member.2=victim@example.org',
    'orders@example.test\r\n\r\n.\r\n<script>',
  ])('in "from" add no header, no recipient and no parameter: %j', async (hostile) => {
    const aws = await endpoint(taken);
    await send(aws.url, {}, { mail: { ...mail, from: hostile, subject: `x\r\nBcc: victim@example.org` } });
    const { form } = aws.calls[0] ?? { form: new URLSearchParams() };
    expect([...form.keys()].filter((name) => name.startsWith('Destinations'))).toEqual(['Destinations.member.1']);
    expect(form.get('Destinations.member.1')).toBe(to);
    expect(form.get('Source')).toBe(hostile);
    const names = headOf(rawOf(form)).map((line) => line.split(':')[0]);
    expect(names).toEqual([
      'From',
      'To',
      'Subject',
      'Message-ID',
      'Date',
      'X-Mail-Canary',
      'Auto-Submitted',
      'MIME-Version',
      'Content-Type',
      'Content-Transfer-Encoding',
    ]);
  });

  test('of an id in the answer are cleaned', async () => {
    const aws = await endpoint((response) => {
      response.writeHead(200, { 'content-type': 'text/xml' });
      response.end(
        `<SendRawEmailResponse><SendRawEmailResult><MessageId>id\u202e ${'x'.repeat(5000)}</MessageId></SendRawEmailResult></SendRawEmailResponse>`,
      );
    });
    const handover = await send(aws.url);
    expect(handover.queueId).toMatch(/^id x{190,200}$/);
  });
});

test('fifty at once: each is told apart from the others', async () => {
  const answerLater = (form: URLSearchParams) => Number(form.get('Source')?.match(/\d+/)?.[0]) % 2 === 1;
  const aws = await endpoint((response, { form }) => {
    if (!answerLater(form)) taken(response);
  });
  const attempt = open(aws.url);
  const { deadline, pass } = deadlineBy();
  const attempts = Array.from({ length: 50 }, (_, index) =>
    attempt({ ...mail, from: `n${index}@example.test` }, host, deadline),
  );
  await Promise.all(attempts.filter((_, index) => index % 2 === 0));
  while (aws.calls.length < 50) await after(10);
  pass();
  expect((await Promise.all(attempts)).map(({ state }) => state)).toEqual(
    attempts.map((_, index) => (index % 2 === 1 ? 'unanswered' : 'accepted')),
  );
});
