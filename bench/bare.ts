/** The same work by hand: nodemailer, then imapflow, and no judgement. What a pass costs is measured against this. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import limit from 'p-limit';
import { measured, scenarioOf } from './measured.ts';
import { loopback, mailbox, sender, tlsFiles } from './scenario.ts';

const { routes, atOnce, startTls, smtpPort, imapPort } = scenarioOf(process.argv);
const ca = startTls ? readFileSync(tlsFiles.ca, 'utf8') : undefined;

const sendOne = async (id: string): Promise<void> => {
  // A transport and a connection per mail: every host is a way of its own.
  const transport = createTransport({
    host: loopback,
    port: smtpPort,
    ...(ca === undefined ? { ignoreTLS: true } : { requireTLS: true, tls: { ca } }),
  });
  await transport.sendMail({
    from: sender,
    to: mailbox.address,
    subject: `Mail canary ${id}`,
    messageId: `<${id}@example.test>`,
    headers: { 'X-Mail-Canary': id, 'Auto-Submitted': 'auto-generated' },
    text: `This is a test e-mail, sent to see whether e-mail from this machine arrives.\n\nCanary: ${id}\n`,
  });
};

/** One login; new messages by range until every id was seen; then all of them are deleted. */
const collect = async (ids: ReadonlySet<string>): Promise<number> => {
  const client = new ImapFlow({
    host: loopback,
    port: imapPort,
    secure: false,
    doSTARTTLS: false,
    auth: { user: mailbox.address, pass: mailbox.password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX');
  const seen = new Set<string>();
  const uids: number[] = [];
  for (let next = 1; seen.size < ids.size; await client.noop())
    for await (const { uid, headers } of client.fetch(
      `${next}:*`,
      { uid: true, headers: ['X-Mail-Canary'] },
      { uid: true },
    )) {
      const id = /^X-Mail-Canary: (\S+)/i.exec(headers?.toString() ?? '')?.[1];
      if (uid < next || id === undefined || !ids.has(id)) continue;
      next = uid + 1;
      seen.add(id);
      uids.push(uid);
    }
  await client.messageDelete(uids, { uid: true });
  await client.logout();
  return seen.size;
};

await measured(async () => {
  const ids = Array.from({ length: routes }, () => randomBytes(10).toString('hex'));
  const gate = limit(atOnce);
  await Promise.all(ids.map((id) => gate(() => sendOne(id))));
  return { arrived: await collect(new Set(ids)) };
});
