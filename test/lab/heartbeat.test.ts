/** The script of a heartbeat host against a real Postfix relay that trusts some addresses: over SMTP, and through a real sendmail. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { keyOf, recognise } from '../../lambdas/core/canary.ts';
import { hostKeys } from '../../lambdas/core/enrolment.ts';
import { limits } from '../core/fleet.ts';
import { addresses, listening, master, programs, run, script } from '../paths/heartbeat-harness.ts';
import { startNullClient } from './null-client.ts';
import { type Lab, startLab } from './postfix.ts';
import { visit } from './tool.ts';

const trusted = '127.0.0.11';
const untrusted = '127.0.0.13';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
  await lab.trust([trusted]);
});
afterAll(async () => {
  await lab?.stop();
});

const mailboxes = Object.entries(addresses);

/** The canaries of this host in a mailbox, as confirm would know them. */
const arrived = (address: string) =>
  visit(lab, address, async (client) => {
    await client.mailboxOpen('INBOX');
    const found = [];
    for await (const { headers } of client.fetch('1:*', { headers: ['x-mail-canary', 'message-id'] })) {
      const text = headers?.toString().replace(/\r\n[ \t]+/g, ' ') ?? '';
      const header = (name: string) => new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(text)?.[1];
      const keys = { current: keyOf('the monitor'), hosts: hostKeys(master, ['web-01', 'web-02'], []) };
      const mail = { canary: header('X-Mail-Canary'), messageId: header('Message-ID') };
      found.push(recognise(mail, keys, Date.now(), limits.replay));
    }
    return found;
  });

/** A mail that was taken may still be on its way into the mailbox. */
const arrives = (address: string, kind: object) =>
  expect.poll(() => arrived(address), { timeout: 20_000 }).toContainEqual(expect.objectContaining(kind));

describe('over SMTP, from an address', () => {
  const fromAddress = async (address: string) => {
    const monitor = await listening();
    // curl leaves from that address as the host would.
    const curl = `case "$*" in *smtp://*) exec /usr/bin/curl "$@" --interface ${address} ;; esac\nexec /usr/bin/curl "$@"`;
    const settings = { via: 'smtp', relay: { host: lab.relay.host, port: lab.relay.port } } as const;
    const ended = await run(script(settings, { noteUrl: monitor.url, mailboxes }), { path: programs({ curl }) });
    const of = async (mailbox: string) => (await monitor.handovers(`web-01/cron/${mailbox}`)).done;
    return { ...ended, outside: await of('outside'), inside: await of('inside') };
  };

  test('that the relay trusts: accepted with its queue id, and arrived as the canary of this host', async () => {
    const { status, outside, inside } = await fromAddress(trusted);
    expect(status).toBe(0);
    for (const done of [outside, inside])
      expect(done).toMatchObject({
        state: 'accepted',
        answeredBy: lab.relay.name,
        product: 'postfix',
        leftFrom: trusted,
        queueId: expect.stringMatching(/^[0-9A-F]{6,}$/),
      });
    expect(lab.log()).toContain(outside?.queueId);
    await arrives(addresses.outside, { kind: 'own', by: 'web-01', route: 'web-01/cron/outside' });
    await arrives(addresses.inside, { kind: 'own', by: 'web-01', route: 'web-01/cron/inside' });
  });

  test('that it does not trust: refused to the outside in its own words, taken for its own domain', async () => {
    const { status, said, outside, inside } = await fromAddress(untrusted);
    expect(status).toBe(1);
    expect(said).toContain('Relay access denied');
    expect(outside).toMatchObject({
      state: 'refused',
      cause: 'relay-denied',
      temporary: false,
      stage: 'rcpt',
      evidence: `554 5.7.1 <${addresses.outside}>: Relay access denied`,
      answeredBy: lab.relay.name,
      product: 'postfix',
      leftFrom: untrusted,
    });
    expect(inside).toMatchObject({ state: 'accepted' });
  });
});

describe('through the sendmail of a host’s own Postfix', () => {
  const through = async (address: string) => {
    const client = startNullClient(lab.relay, address);
    onTestFinished(client.stop);
    const monitor = await listening();
    const ended = await run(script({}, { noteUrl: monitor.url }), { path: client.programs });
    return { ...ended, client, ...(await monitor.handovers('web-01/cron/outside')) };
  };

  test('that the relay trusts: taken by the host, and arrived', async () => {
    const before = (await arrived(addresses.outside)).length;
    const { status, said, sending, done } = await through(trusted);
    expect([status, said]).toEqual([0, '']);
    expect(sending).toMatchObject({ state: 'commanded' });
    expect(done).toMatchObject({ state: 'accepted', ownServer: true });
    await expect.poll(async () => (await arrived(addresses.outside)).length, { timeout: 20_000 }).toBe(before + 1);
  });

  test('to which the relay says "later": it waits in the queue, and the relay’s words are told', async () => {
    lab.rule({ 'orders@example.test': '450 4.7.1 Greylisted, try again' });
    onTestFinished(() => lab.rule({}));
    const { status, done } = await through(trusted);
    expect(status).toBe(0);
    expect(done).toMatchObject({
      state: 'refused',
      temporary: true,
      cause: 'greylisted',
      answeredBy: '127.0.0.1',
      ownServer: false,
      evidence: expect.stringMatching(/^450 4\.7\.1 .*Greylisted, try again/),
    });
  });
});
