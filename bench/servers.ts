/** A process of its own with the relay and the IMAP server, so that their work is not counted as the programs'. */
import { readFileSync } from 'node:fs';
import { startImapServer } from '../demo/servers/imap/server.ts';
import { startRelay } from '../demo/servers/relay.ts';
import { type Counts, mailbox, tlsFiles } from './scenario.ts';

const startTls = process.argv[2] === 'starttls';
const imap = await startImapServer({ users: { [mailbox.address]: mailbox.password } });
const relay = await startRelay({
  hosted: ['supplier.test'],
  ...(startTls ? { tls: { key: readFileSync(tlsFiles.key), cert: readFileSync(tlsFiles.cert) } } : {}),
  deliver: (recipient, raw) => {
    imap.store.deliver(recipient, 'INBOX', raw);
  },
});

let acceptedBefore = 0;
let cpuBefore = process.cpuUsage();

/** What happened since the last question. */
const counts = (): Counts => {
  const { accepted } = relay.counted();
  const cpu = process.cpuUsage(cpuBefore);
  const answer = {
    logins: (imap.commands.get('LOGIN') ?? 0) + (imap.commands.get('AUTHENTICATE') ?? 0),
    accepted: accepted - acceptedBefore,
    cpuMs: (cpu.user + cpu.system) / 1000,
    left: imap.store.messages(mailbox.address, 'INBOX').length,
  };
  acceptedBefore = accepted;
  cpuBefore = process.cpuUsage();
  imap.commands.clear();
  const inbox = imap.store.find(mailbox.address, 'INBOX');
  if (inbox !== undefined) imap.store.expunge(inbox, () => true);
  return answer;
};

process.on('message', () => process.send?.(counts()));
process.on('disconnect', () => process.exit());
process.send?.({ smtpPort: relay.port, imapPort: imap.port });
