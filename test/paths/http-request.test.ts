/** What the `http` path asks of a web host: settings, signature, address. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { attachmentOf } from '../../lambdas/core/attachment.ts';
import { http } from '../../lambdas/paths/http/index.ts';
import { shape } from '../../lambdas/paths/http/settings.ts';
import { sign, signAnswer, verify, verifyAnswer } from '../../lambdas/paths/http/sign.ts';
import { ask, mail, secret, send, url, webHost } from './http-harness.ts';

describe('the settings', () => {
  test('the mail leaves from the host, through no shared server', () => {
    const settings = z.strictObject(shape).parse({ url: 'https://{host.address}/mail-canary', secret: 'env:APP' });
    expect(http.leavesFromHost(settings)).toBe(true);
    expect(http.sharedServer(settings)).toBeUndefined();
    expect(http.secrets(settings)).toEqual(['env:APP']);
    expect(http.needs(settings)).toEqual([]);
  });

  test.each([
    'ftp://{host.address}/',
    '{host.address}',
    'https://user:password@{host.address}/',
    'https://{host.address}/#x',
    'https://',
  ])('%s is no URL for it', (bad) => {
    const parsed = z.strictObject(shape).safeParse({ url: bad, secret: 'env:APP' });
    expect(parsed.error?.issues[0]?.message).toContain('must be an http or https URL');
  });
});

describe('the request', () => {
  test('names the host, is signed, and carries the mail', async () => {
    const { seen, handover } = await ask(200, { state: 'sent' });
    expect(handover.state).toBe('claimed');
    const [{ req, body } = { req: undefined, body: '' }] = seen;
    expect(req?.method).toBe('POST');
    expect(req?.url).toBe('/mail-canary?site=shop');
    expect(req?.headers).toMatchObject({
      'content-type': 'application/json',
      'x-mail-canary-host': 'web-03',
      'x-mail-canary-timestamp': '1800000000',
    });
    const { from, to, subject, messageId, headers, text } = mail;
    const id = 'bcdfghjklmnpqrstvwxz.bbccddff';
    expect(JSON.parse(body)).toEqual({ host: 'web-03', id, from, to, subject, messageId, headers, text });
    const signed = { method: 'POST', path: '/mail-canary?site=shop', timestamp: 1_800_000_000, body };
    const signature = String(req?.headers['x-mail-canary-signature']);
    expect(verify(secret, signed, signature)).toBe(true);
    expect(verify(secret, { ...signed, path: '/mail-canary' }, signature)).toBe(false);
    expect(verify(secret, { ...signed, body: `${body} ` }, signature)).toBe(false);
    expect(verify(secret, { ...signed, timestamp: 1_800_000_001 }, signature)).toBe(false);
    expect(verify(`${secret}x`, signed, signature)).toBe(false);
    expect(verify(secret, signed, 'v1=')).toBe(false);
  });

  test('a sized canary carries its attachment, whose bytes its id alone decides', async () => {
    const started = await webHost(200, { state: 'sent' });
    await send({ url: url(started.port) }, 5000, {}, { ...mail, size: 2000 });
    await send({ url: url(started.port) });
    const [sized, bare] = started.seen.map(({ body }) => JSON.parse(body));
    const base64 = attachmentOf(mail.id, 2000).toString('base64');
    expect(sized.attachment).toEqual({ name: 'canary.bin', type: 'application/octet-stream', base64 });
    expect(bare).not.toHaveProperty('attachment');
    expect(shape.size.parse('5 MB')).toBe(5_000_000);
  });

  test('the worked example of the README', () => {
    const page = readFileSync('README.md', 'utf8');
    const found = (pattern: RegExp) => pattern.exec(page)?.[1] ?? '';
    const body = found(/```text\n(\{.+\})\n```/);
    const request = {
      method: found(/request line is `(\S+)/),
      path: found(/request line is `\S+ (\S+)/),
      timestamp: Number(found(/the timestamp `(\d+)`/)),
      body,
    };
    expect(Buffer.byteLength(body)).toBe(Number(found(/\n(\d+) bytes without/)));
    expect(`X-Mail-Canary-Signature: ${sign(found(/The key is `(.+?)`/), request)}`).toBe(
      found(/```text\n(X-Mail-Canary-Signature: .+)\n```/),
    );
    const digest = createHash('sha256').update(body).digest('hex');
    const signed = ['v1', request.method, request.path, request.timestamp, digest].join('\n');
    expect(page).toContain(`\`\`\`text\n${signed}\n\`\`\``);
    expect(JSON.parse(body)).toMatchObject({ host: 'web-03' });
  });

  test('an answer is signed for one request, status and body', () => {
    // The worked example of the README goes on with this answer.
    const requestSignature = 'v1=882f7c7726a61a39427965ffdcaf68c07c8f1e4380b5697a752e813a9e83115f';
    const answer = { status: 421, requestSignature, body: '{"host":"web-04"}' };
    const key = 'correct horse battery staple';
    const signature = 'v1=c9a585f646e52f5ed218bc66a94ffd6e15db2b53add311f543186ff73c32dd6b';
    expect(signAnswer(key, answer)).toBe(signature);
    expect(verifyAnswer(key, answer, signature)).toBe(true);
    expect(verifyAnswer(key, answer, undefined)).toBe(false);
    expect(verifyAnswer(key, { ...answer, status: 200 }, signature)).toBe(false);
    expect(verifyAnswer(key, { ...answer, requestSignature: 'v1=' }, signature)).toBe(false);
    expect(verifyAnswer(key, { ...answer, body: '{"host":"web-05"}' }, signature)).toBe(false);
    expect(verifyAnswer(`${key}.`, answer, signature)).toBe(false);
  });

  test('an IPv6 address is put into brackets', async () => {
    expect(await send({ url: 'http://{host.address}:1/' }, 2000, { address: '::1' })).toMatchObject({
      state: 'unsent',
      answeredBy: '[::1]:1',
    });
  });

  test('each canary has a connection of its own', async () => {
    const started = await webHost(200, { state: 'sent' });
    await send({ url: url(started.port) });
    await send({ url: url(started.port) });
    expect(started.connections()).toBe(2);
  });

  test('a secret that cannot be looked up, or no URL, is our own fault', async () => {
    expect(await send({ url: url(1), secret: 'env:NOWHERE' })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'env:NOWHERE is not set',
    });
    expect(await send({ url: url(1) }, 2000, { address: 'not an address' })).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
    });
  });
});
