/** A process of its own with the embedded IMAP server, so that its work is not counted as the programs'. */
import { startImapServer } from '../demo/servers/imap/server.ts';
import { mailbox } from './scenario.ts';
import { arrived, sentAtOf } from './settle-scenario.ts';
import type { SettleCounts } from './settle-servers.ts';

type Ask = { readonly fill?: { readonly canaries: number; readonly slot: number } };

const server = await startImapServer({ users: { [mailbox.address]: mailbox.password } });

const fill = ({ canaries, slot }: { readonly canaries: number; readonly slot: number }): void => {
  for (let index = 0; index < canaries; index += 1)
    server.store.deliver(mailbox.address, 'INBOX', Buffer.from(arrived(slot, index), 'latin1'), {
      internalDate: sentAtOf(slot, index) + 3000,
    });
};

const counts = (): SettleCounts => {
  const answer = {
    logins: (server.commands.get('LOGIN') ?? 0) + (server.commands.get('AUTHENTICATE') ?? 0),
    left: server.store.messages(mailbox.address, 'INBOX').length,
  };
  server.commands.clear();
  const inbox = server.store.find(mailbox.address, 'INBOX');
  if (inbox !== undefined) server.store.expunge(inbox, () => true);
  return answer;
};

process.on('message', (ask: Ask) => {
  if (ask.fill !== undefined) fill(ask.fill);
  process.send?.(ask.fill === undefined ? counts() : {});
});
process.on('disconnect', () => process.exit());
process.send?.({ port: server.port });
