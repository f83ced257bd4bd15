/** Mailboxes that would be read over more connections than their provider takes (DESIGN 8). */
import type { Mistake } from './checks.ts';
import { accountOf, providerOf } from './mailbox-providers.ts';
import type { Settings } from './schema.ts';

/** Entries of one account that would be read over more connections than its provider takes: one each, and one more while `check` runs beside. */
export const tooManyConnections = (settings: Pick<Settings, 'mailboxes' | 'bounces'>): Mistake[] => {
  const entries = [
    ...Object.entries(settings.mailboxes).map(([name, mailbox]) => ({ at: ['mailboxes', name], mailbox })),
    ...Object.entries(settings.bounces).map(([name, mailbox]) => ({ at: ['bounces', name], mailbox })),
  ];
  return [...Map.groupBy(entries, ({ mailbox }) => accountOf(mailbox)).values()].flatMap((its): Mistake[] => {
    const last = its.at(-1);
    const provider = last === undefined ? undefined : providerOf(last.mailbox.imap.host);
    if (last === undefined || provider?.connections === undefined || 2 * its.length <= provider.connections) return [];
    return [
      {
        at: last.at,
        message: `is entry ${its.length} of account ${last.mailbox.auth.user}, and ${provider.who} takes ${provider.connections} IMAP connections of one account at one time: each entry needs one, and another while "check" runs beside the monitor, so at most ${Math.floor(provider.connections / 2)} entries would fit`,
      },
    ];
  });
};
