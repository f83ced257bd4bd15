/** The contract of the `Mailbox` port; every server that the adapter is run against must keep it. */
import { afterEach, beforeEach, describe } from 'vitest';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import { type MailboxSettings, openMailbox } from '../../lambdas/mailbox/reader.ts';
import type { MailServer } from './bench.ts';
import { findingContract } from './contract-finding.ts';
import { foldersContract } from './contract-folders.ts';
import { keepingContract } from './contract-keeping.ts';
import { openingContract } from './contract-opening.ts';
import { stateContract } from './contract-state.ts';

/** Runs the contract against the servers of this factory; each test gets a fresh mailbox. */
export const mailboxContract = (name: string, factory: { start(): Promise<MailServer> }): void => {
  describe(`mailbox contract: ${name}`, () => {
    let server: MailServer;
    const opened: Mailbox[] = [];
    const open = (change: Partial<MailboxSettings> = {}, secret = server.secret) => {
      const mailbox = openMailbox(
        { ...server.settings, ...change },
        { name: 'outside', now: Date.now, secret: async () => secret },
      );
      opened.push(mailbox);
      return mailbox;
    };
    beforeEach(async () => {
      server = await factory.start();
    });
    afterEach(async () => {
      for (const mailbox of opened.splice(0)) await mailbox.close();
      await server.stop();
    });

    findingContract({ server: () => server, open });
    foldersContract({ server: () => server, open });
    openingContract({ server: () => server, open });
    stateContract({ server: () => server, open });
    keepingContract({ server: () => server, open });
  });
};
