/** An open relay is told from a closed one by a stranger's mail: from an outside address to an outside mailbox, through a real Postfix. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../paths/smtp-harness.ts';
import { configure } from './configure.ts';
import { type Lab, startLab } from './postfix.ts';
import { everythingIn } from './tool.ts';

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

/** A stranger's mail, as a path with `mustRefuse` sends it. */
const tryToRelay = (id: string, localAddress = untrusted) =>
  send(
    {
      host: lab.relay.host,
      port: lab.relay.port,
      tls: { ca: `file:${lab.imap.ca}` },
      localAddress,
      mustRefuse: 'openRelay',
    },
    { mail: { id, from: 'stranger@elsewhere.test', to: lab.mailboxes.outside, messageId: `<${id}@elsewhere.test>` } },
  );

const denied = {
  state: 'refused',
  cause: 'relay-denied',
  temporary: false,
  stage: 'rcpt',
  evidence: '554 5.7.1 <canary@supplier.test>: Relay access denied',
  answeredBy: 'mail-gw.example.test',
  leftFrom: untrusted,
  product: 'postfix',
};

const arrived = async (id: string) =>
  (await everythingIn(lab, lab.mailboxes.outside)).filter(({ raw }) => raw.includes(`<${id}@elsewhere.test>`));

test('a relay that trusts single addresses refuses it', async () => {
  expect(await tryToRelay('bcdfghjklmnpqrstvwxb')).toMatchObject(denied);
  expect(await arrived('bcdfghjklmnpqrstvwxb')).toEqual([]);
});

test('a relay whose trust list was widened to everybody takes it, and it arrives', async () => {
  await configure(lab, { mynetworks: '0.0.0.0/0' });
  try {
    const handover = await tryToRelay('bcdfghjklmnpqrstvwxc');
    expect(handover).toMatchObject({ state: 'accepted', answeredBy: lab.relay.name, leftFrom: untrusted });
    await expect.poll(() => arrived('bcdfghjklmnpqrstvwxc'), { timeout: 20_000 }).toHaveLength(1);
  } finally {
    await lab.trust([trusted]);
  }
});

test('closed again, it refuses again; to whom it trusts, it is no stranger', async () => {
  expect(await tryToRelay('bcdfghjklmnpqrstvwxd')).toMatchObject(denied);
  expect(await tryToRelay('bcdfghjklmnpqrstvwxf', trusted)).toMatchObject({ state: 'accepted' });
});
