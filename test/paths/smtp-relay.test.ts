/** The `smtp` path through a relay with a trust list, and through the host's own server. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { smtp } from '../../lambdas/paths/smtp/index.ts';
import { type SmtpSettings, shape } from '../../lambdas/paths/smtp/settings.ts';
import { auth, mail, password, relay, type Settings, send } from './smtp-harness.ts';

describe('the settings', () => {
  test('say where the mail leaves and which relay is shared', () => {
    const read = (settings: Settings): SmtpSettings => z.strictObject(shape).parse(settings);
    expect(smtp.leavesFromHost(read({ host: '{host.address}' }))).toBe(true);
    expect(smtp.sharedServer(read({ host: '{host.address}' }))).toBeUndefined();
    expect(smtp.leavesFromHost(read({ host: 'mail-gw' }))).toBe(false);
    expect(smtp.sharedServer(read({ host: 'mail-gw' }))).toBe('mail-gw:587');
    expect(smtp.sharedServer(read({ host: 'mail-gw', secure: true }))).toBe('mail-gw:465');
    expect(smtp.secrets(read({ host: 'mail-gw', auth }))).toEqual(['env:PASSWORD']);
    expect(smtp.needs(read({ host: 'mail-gw' }))).toEqual([]);
  });

  test('a literal password is refused and not repeated', () => {
    const bad = z.strictObject(shape).safeParse({ host: 'mail-gw', auth: { user: 'orders', secret: password } });
    expect(bad.error?.message).toContain('must be a reference');
    expect(bad.error?.message).not.toContain(password);
  });
});

describe('a relay', () => {
  test('takes the mail of a trusted address, exactly as it was given', async () => {
    const gateway = await relay();
    const handover = await send({ port: gateway.port, localAddress: '127.0.0.13' });
    expect(handover).toMatchObject({
      state: 'accepted',
      answeredBy: 'mail-gw.example.test',
      stage: 'body',
      ownServer: false,
      sentAt: mail.sentAt,
    });
    await gateway.close();
    expect(gateway.delivered.map(({ recipient }) => recipient)).toEqual([mail.to]);
    const queueId = handover.state === 'accepted' ? handover.queueId : undefined;
    const raw = gateway.delivered[0]?.raw ?? '';
    expect(queueId).toMatch(/^[0-9A-F]{10}$/);
    expect(raw).toMatch(
      new RegExp(
        `^Received: from \\S+ \\(\\[127\\.0\\.0\\.13\\]\\)\\r\\n\\tby mail-gw\\.example\\.test with ESMTP id ${queueId};`,
      ),
    );
    expect(raw.split('\r\n')).toEqual(
      expect.arrayContaining([
        `Message-ID: ${mail.messageId}`,
        `X-Mail-Canary: ${mail.headers['X-Mail-Canary']}`,
        'Auto-Submitted: auto-generated',
        'Content-Type: text/plain; charset=us-ascii',
        'Content-Transfer-Encoding: 7bit',
        `Subject: ${mail.subject}`,
      ]),
    );
    expect(raw.endsWith(`\r\n\r\n${mail.text.replaceAll('\n', '\r\n')}`)).toBe(true);
    expect(raw).not.toMatch(/X-Mailer/i);
  });

  test('refuses to relay for an address that it does not trust, until it does; takes mail for its own domain all the while', async () => {
    const gateway = await relay({ trusted: [] });
    const settings = { port: gateway.port, localAddress: '127.0.0.14' };
    expect(await send(settings)).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      answeredBy: 'mail-gw.example.test',
      evidence: '554 5.7.1 <canary@supplier.example>: Relay access denied',
    });
    expect(await send(settings, { mail: { to: 'canary@example.test' } })).toMatchObject({ state: 'accepted' });
    gateway.trust('127.0.0.14');
    expect(await send(settings)).toMatchObject({ state: 'accepted' });
    gateway.distrust('127.0.0.14');
    expect(await send(settings)).toMatchObject({ state: 'refused' });
  });

  test('greylists: temporary at first, taken at the next try', async () => {
    const gateway = await relay({ behaviour: { greylist: true } });
    const settings = { port: gateway.port, localAddress: '127.0.0.13' };
    expect(await send(settings)).toMatchObject({
      state: 'refused',
      cause: 'greylisted',
      temporary: true,
      stage: 'rcpt',
    });
    expect(await send(settings)).toMatchObject({ state: 'accepted' });
  });

  test('hands on to the next server, which sees the Received of the first', async () => {
    const outside = await relay({ name: 'mx.supplier.example', hosted: ['supplier.example'] });
    const gateway = await relay({ relayTo: () => ({ host: outside.host, port: outside.port }) });
    expect(await send({ port: gateway.port, localAddress: '127.0.0.13' })).toMatchObject({ state: 'accepted' });
    await expect.poll(() => outside.delivered.length).toBe(1);
    expect(
      outside.delivered[0]?.raw.match(/^Received: |by (mx\.supplier\.example|mail-gw\.example\.test) /gm),
    ).toHaveLength(4);
  });

  test('that discards has accepted all the same', async () => {
    const gateway = await relay({ behaviour: { discard: true } });
    expect(await send({ port: gateway.port, localAddress: '127.0.0.13' })).toMatchObject({ state: 'accepted' });
    expect(gateway.delivered).toEqual([]);
  });
});

describe('the host’s own server', () => {
  test('is named by the template, and the handover says that it is the host’s own', async () => {
    const own = await relay({ trusted: ['127.0.0.1'] });
    expect(await send({ host: '{host.address}', port: own.port })).toMatchObject({
      state: 'accepted',
      ownServer: true,
    });
  });

  test('cannot be asked without an address', async () => {
    expect(await send({ host: '{host.address}' }, { host: { address: undefined } })).toEqual({
      state: 'unsent',
      cause: 'sender-failed',
      sentAt: mail.sentAt,
      evidence: 'web-03 has no value for {host.address}',
    });
  });
});
