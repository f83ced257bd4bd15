/** The same work by hand with imapflow: one login, the same headers in pages, and the same messages deleted. No judgement. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';
import { measured, scenarioOf } from './measured.ts';
import { loopback } from './scenario.ts';
import type { SettleScenario } from './settle-scenario.ts';

const { port, user, password, ca } = scenarioOf<SettleScenario>(process.argv);

const settle = async (): Promise<number> => {
  const client = new ImapFlow({
    host: loopback,
    port,
    secure: ca !== undefined,
    ...(ca === undefined ? { doSTARTTLS: false } : { tls: { ca: readFileSync(ca) } }),
    auth: { user, pass: password },
    logger: false,
  });
  await client.connect();
  const { exists } = await client.mailboxOpen('INBOX');
  const uids: number[] = [];
  for (let first = 1; first <= exists; first += 1000)
    for await (const { uid, headers } of client.fetch(`${first}:${Math.min(exists, first + 999)}`, {
      uid: true,
      internalDate: true,
      headers: true,
    }))
      if (/^X-Mail-Canary: \S/im.test(headers?.toString('latin1') ?? '')) uids.push(uid);
  if (uids.length > 0) await client.messageDelete(uids, { uid: true });
  await client.logout();
  return uids.length;
};

const told = async () => {
  process.send?.('ready');
  await once(process, 'message');
};

await told();
await settle();
await told();
await measured(async () => ({ arrived: await settle() }));
