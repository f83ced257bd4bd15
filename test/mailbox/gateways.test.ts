/** What gateways do on the way, through the port and the recognition of the core: a canary stays one, and nobody's mail becomes one. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import { mimeOf } from '../../lambdas/core/mime.ts';
import { sightingOf, sortMails } from '../../lambdas/core/sighting.ts';
import type { Look } from '../../lambdas/core/words.ts';
import { marksOf, parseFields } from '../../lambdas/mailbox/header.ts';
import type { MailboxSettings } from '../../lambdas/mailbox/reader.ts';
import { openMailbox } from '../../lambdas/mailbox/reader.ts';
import { ask, hour, looked, type MailServer } from './bench.ts';
import { mailServer, secret, startEmbedded } from './embedded.ts';
import { foreign, own } from './gateways.ts';
import { headerOf } from './headers.ts';

const keys = { current: keyOf('the key of the gateways') };
const now = Date.now();
const slot = Math.floor(now / 60_000);
const sentAt = now - 60_000;

/** A canary with an id of its own, as it leaves the host. */
const sent = (number: number) => {
  const route = `web-${number}/app/outside`;
  const options = { from: 'orders@example.com', to: 'canary@elsewhere.example', autoSubmitted: true };
  const mail = mint(route, slot, sentAt, keys.current, options);
  return { ...mail, raw: mimeOf(mail).toString('latin1') };
};
type Sent = ReturnType<typeof sent>;

const servers: MailServer[] = [];
let server: MailServer;
beforeAll(async () => {
  server = mailServer(await startEmbedded());
  servers.push(server);
});
afterAll(() => Promise.all(servers.map((each) => each.stop())));

/** Looks at everything that came so far with ids like these. */
const lookAt = async (mails: readonly Sent[], at: MailServer = server, change: Partial<MailboxSettings> = {}) => {
  const mailbox = openMailbox(
    { ...at.settings, ...change },
    { name: 'outside', now: Date.now, secret: async () => secret },
  );
  try {
    return looked(await mailbox.look(ask({ expected: mails.map(({ id }) => id) })));
  } finally {
    await mailbox.close();
  }
};

const ownIn = (look: Look) => sortMails(look, keys, Date.now(), 7 * 24 * hour);
const all = (at: MailServer) => Promise.all(['INBOX', 'Junk', 'Archive'].map((folder) => at.messages(folder)));

describe('a canary that went through a gateway', () => {
  test('is recognised, whatever was done to it', async () => {
    expect(own.length).toBeGreaterThan(40);
    const cases = own.map(([name, change], index) => ({ name, change, mail: sent(index) }));
    for (const { change, mail } of cases)
      await server.deliver('INBOX', change(mail.raw), { internalDate: sentAt + 5000 });
    const before = await all(server);
    const { own: found, forged } = ownIn(await lookAt(cases.map(({ mail }) => mail)));
    expect(await all(server)).toEqual(before);
    for (const { name, mail } of cases)
      expect([name, found.filter(({ id }) => id === mail.id).length]).toEqual([name, 1]);
    expect(forged).toBe(0);
  });

  test('is not recognised without a mark, nor in what somebody sends of it, all of which stays', async () => {
    const fresh = mailServer(await startEmbedded());
    servers.push(fresh);
    const cases = foreign.map(([, change], index) => ({ change, mail: sent(1000 + index) }));
    for (const { change, mail } of cases) await fresh.deliver('INBOX', change(mail.raw));
    const before = await all(fresh);
    const sorted = ownIn(
      await lookAt(
        cases.map(({ mail }) => mail),
        fresh,
      ),
    );
    expect(sorted).toMatchObject({ own: [], forged: 0, hints: [] });
    expect(await all(fresh)).toEqual(before);
  });

  test('is recognised wherever its header is folded', () => {
    const { headers, id } = sent(2000);
    const value = headers['X-Mail-Canary'] ?? '';
    expect(value.length).toBeGreaterThan(80);
    for (let at = 0; at <= value.length; at += 1)
      for (const fold of ['\r\n ', '\r\n\t', '\r\n   \t'])
        expect(recogniseIn(`X-Mail-Canary: ${value.slice(0, at)}${fold}${value.slice(at)}`)).toMatchObject({
          kind: 'own',
          id,
        });
  });

  test('counts once when it is delivered twice: the earlier arrival decides', async () => {
    const mail = sent(3000);
    await server.deliver('Junk', mail.raw, { internalDate: sentAt + 9000 });
    await server.deliver('INBOX', rewrite(mail.raw), { internalDate: sentAt + 4000 });
    const look = await lookAt([mail]);
    const copies = ownIn(look).own.filter(({ id }) => id === mail.id);
    expect(copies).toHaveLength(2);
    const sighting = sightingOf(copies, look, Date.now());
    expect(sighting).toMatchObject({ state: 'seen', folder: 'INBOX', junk: false });
    if (sighting.state === 'seen') expect(Math.abs(sighting.arrivedAt - (sentAt + 4000))).toBeLessThanOrEqual(1000);
  });

  test('is recognised whatever stands in Return-Path and in its text', async () => {
    const fresh = mailServer(await startEmbedded());
    servers.push(fresh);
    const bytes = (maxLength: number) =>
      fc.uint8Array({ maxLength }).map((each) => Buffer.from(each).toString('latin1'));
    const path = bytes(60).map((text) => text.replace(/[\r\n]/g, ' '));
    const inputs = fc.sample(fc.tuple(path, bytes(200)), { numRuns: 100, seed: 7 });
    const mails = inputs.map((_, index) => sent(4000 + index));
    for (const [index, [envelope, body]] of inputs.entries()) {
      const header = (mails[index]?.raw ?? '').split('\r\n\r\n')[0] ?? '';
      await fresh.deliver('INBOX', `Return-Path: <${envelope}>\r\n${header}\r\n\r\n${body}`);
    }
    const { own: found } = ownIn(await lookAt(mails, fresh));
    expect(found.map(({ id }) => id).sort()).toEqual(mails.map(({ id }) => id).sort());
  });
});

const rewrite = (raw: string) => raw.replace(/^Message-ID: .*$/m, 'Message-ID: <1@gateway.elsewhere.example>');

const recogniseIn = (header: string) => recognise(marksOf(parseFields(header)) ?? {}, keys, now, 7 * 24 * hour);

describe('what the headers prove besides, through the port', () => {
  const arrive = async (name: string, folder: string, trustedAuthservId: string | undefined, number: number) => {
    const fresh = mailServer(await startEmbedded());
    servers.push(fresh);
    const mail = sent(number);
    await fresh.deliver(folder, `${headerOf(name).split('\r\nFrom:')[0]}\r\n${mail.raw}`);
    const { mails } = await lookAt([mail], fresh, { trustedAuthservId });
    expect(mails).toHaveLength(1);
    return mails[0];
  };

  test('in Junk: the verdict of the trusted server, and the words of the filter', async () => {
    expect(await arrive('microsoft-365-junk', 'Junk', 'protection.outlook.com', 5000)).toMatchObject({
      authentication: { spf: 'fail', dkim: 'none', dmarc: 'fail' },
      spam: expect.stringContaining('CAT:SPOOF SCL:5 SFV:SPM'),
    });
  });

  test('in INBOX the filter has nothing to explain; without a trusted server nobody is believed', async () => {
    const mail = await arrive('fastmail', 'INBOX', undefined, 5001);
    expect(mail).not.toHaveProperty('spam');
    expect(mail).not.toHaveProperty('authentication');
    expect(mail?.hops.map(({ by, with: protocol, tls }) => [by, protocol, tls])).toEqual([
      ['mail-gw.example.com', 'ESMTP', undefined],
      ['mailmx.phl.internal', 'ESMTPS', 'TLSv1.3'],
      ['phl-mx-03.messagingengine.com', 'ESMTP', undefined],
      ['mailmx.phl.internal', 'ESMTP', undefined],
      ['phl-compute-07.internal', undefined, undefined],
      ['sloti43n23', 'LMTPA', undefined],
    ]);
  });
});

describe('the product', () => {
  const root = new URL('../../lambdas/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const holding = (pattern: RegExp) =>
    files.filter((file) => pattern.test(readFileSync(new URL(file, root), 'utf8'))).sort();

  test('reads Return-Path only to know a report of a server, which has none', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(holding(/['"]return-path['"]/i)).toEqual(['mailbox/header.ts', 'mailbox/suspects.ts']);
    const suspects = readFileSync(new URL('mailbox/suspects.ts', root), 'utf8');
    expect(suspects.match(/Return-Path/g)).toHaveLength(1);
    // Only whether it is empty: never whose it is.
    expect(suspects).toContain("/^<(?:MAILER-DAEMON)?>$/i.test(first(fields, 'Return-Path') ?? '')");
  });

  test('opens a body for two reasons only: a report of a server, and the attachment of a sized canary', () => {
    expect(holding(/\bsource: ?\{|\bbodyParts\b|\.download\(/)).toEqual(['mailbox/commands.ts', 'mailbox/digest.ts']);
    expect(holding(/\bfetchSources\(/)).toEqual(['mailbox/messages.ts']);
    expect(holding(/\breadReport\(/)).toEqual(['mailbox/messages.ts']);
  });
});
