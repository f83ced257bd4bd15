/** What is known of a canary when its remedy and the places to look are filled in. */
import { canaryId } from '../../lambdas/core/canary.ts';
import type { Cause } from '../../lambdas/core/causes.ts';
import type { Known } from '../../lambdas/core/known.ts';
import { lostMails } from '../../lambdas/core/lost-mails.ts';
import { type Monitor, parseRoute } from '../../lambdas/core/monitor.ts';
import type { Settled } from '../../lambdas/core/settle.ts';
import { whereToLook } from '../../lambdas/core/where-to-look.ts';
import type { Ms } from '../../lambdas/core/words.ts';
import type { Settings } from '../../lambdas/settings/schema.ts';

/** A pass knows of one canary only: its server is asked for the mails that it refused in this time before. */
const before: Ms = 24 * 60 * 60_000;

/** `isMailbox`: the trouble is with reading the mailbox, and nothing that the relay said has to do with it. */
export const knownOf = (
  { route, slot, handover, judgement }: Settled,
  settings: Settings,
  monitor: Monitor,
  isMailbox: boolean,
): Known => {
  const { host, path, mailbox } = parseRoute(route);
  const { imap } = settings.mailboxes[mailbox] ?? {};
  const common = {
    host,
    path,
    mailbox,
    address: settings.hosts.find(({ id }) => id === host)?.address,
    canary: canaryId(route, slot),
    from: monitor.paths[path]?.from,
    to: monitor.mailboxes[mailbox]?.address,
    at: handover?.sentAt,
  };
  if (isMailbox) return { ...common, isMailbox, answeredBy: imap && `${imap.host}:${imap.port}` };
  return {
    ...common,
    seenAs: handover?.seenAs,
    leftFrom: handover?.leftFrom,
    answeredBy: judgement.answeredBy ?? handover?.answeredBy,
    product: handover?.product,
    evidence: judgement.evidence ?? handover?.evidence,
    queueId: handover?.queueId,
  };
};

/** Commands for the administrator: where this canary is found in logs, and which mails were refused besides it. */
export const commandsFor = (cause: Cause, known: Known) => ({
  whereToLook: whereToLook(cause, known),
  lostMails: known.at === undefined || known.isMailbox ? [] : lostMails({ ...known, at: known.at - before }),
});
