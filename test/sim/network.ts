/** The way of the mail: what a host's relay answers, and what becomes of the mail, with or without the answer. */

import { parseRoute } from '../../lambdas/core/monitor.ts';
import type { CanaryMail, Handover, HostFacts, Ms } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import type { Machine } from './machine.ts';
import type { Mail, Post } from './post.ts';
import type { Random } from './random.ts';
import { type Fault, type MailFault, mailFaults, minute, type Story } from './story.ts';
import { canaryOf, type Outcome, type Truth } from './truth.ts';

const isMailFault = (what: Fault['what']): what is MailFault => (mailFaults as readonly string[]).includes(what);

/** Random single mishaps: everything but `denied` and `down`, which do not happen to one mail alone. */
const mishaps = mailFaults.filter((what) => what !== 'denied' && what !== 'down') as [MailFault, ...MailFault[]];

type World = {
  readonly story: Story;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  readonly posts: Readonly<Record<string, Post>>;
};

/** Sends one canary from one machine; the mail goes its way even if the machine dies while it waits for the answer. */
export const networkOf = ({ story, clock, random, truth, posts }: World) => {
  const faultFor = (mail: CanaryMail): { what: MailFault; delay: Ms; lasting: boolean } | undefined => {
    const { host, path, mailbox } = parseRoute(mail.route);
    const now = clock.now();
    for (const fault of story.faults) {
      const applies =
        isMailFault(fault.what) &&
        fault.from <= now &&
        now < fault.to &&
        (fault.hosts.length === 0 || fault.hosts.includes(host)) &&
        (fault.path ?? path) === path &&
        (fault.mailbox ?? mailbox) === mailbox &&
        // A trust list decides who may relay; mail to the own domain is taken from anybody.
        (fault.what !== 'denied' || mailbox !== 'inside') &&
        (fault.share === 1 || random.chance(fault.share));
      if (applies && isMailFault(fault.what)) return { what: fault.what, delay: fault.delay, lasting: true };
    }
    return now < story.calm && random.chance(story.noise.mail)
      ? { what: random.pick(mishaps), delay: random.whole(1, 12) * minute, lasting: false }
      : undefined;
  };

  return async (
    mail: CanaryMail,
    host: HostFacts,
    timeout: Ms,
    machine: Pick<Machine, 'number'>,
    /** Called when the attempt really begins. */
    begun: () => void = () => undefined,
  ): Promise<Handover> => {
    const { path, mailbox } = parseRoute(mail.route);
    const canary = canaryOf(truth, mail.route, mail.slot);
    const fault = faultFor(mail);
    const what = fault?.what;
    const relay = `gw-${path}`;
    const said = { sentAt: mail.sentAt, answeredBy: relay };
    const answer = random.whole(50, 1500);
    if (what !== undefined) truth.count(`mail ${what}`);
    if (canary.attempts.length > 0) truth.count('canary sent again');
    const log = (outcome: Outcome) => {
      canary.attempts.push({ sentAt: mail.sentAt, at: clock.now(), outcome, send: machine.number });
      truth.tell(() => `${mail.route} slot ${mail.slot}: ${what ?? 'fine'}, ${outcome}`);
    };
    const deliver = (delay: Ms, folder: string, more: Partial<Mail> = {}) => {
      const arrivedAt = clock.now() + delay;
      const skew = Math.round((random.next() * 2 - 1) * story.skew.mailbox);
      const internalDate = Math.floor((arrivedAt + skew) / 1000) * 1000;
      const bounce = more.bounce !== undefined;
      canary.copies.push({ sentAt: mail.sentAt, arrivedAt, internalDate, folder, bounce });
      // A gateway may strip the header or rewrite the Message-ID, but one of them survives.
      const gateway = random.next();
      posts[mailbox]?.deliver(folder, arrivedAt, {
        internalDate,
        canary: gateway < 0.05 ? undefined : mail.headers['X-Mail-Canary'],
        messageId: gateway > 0.95 ? `<rewritten.${gateway}@ses.example>` : mail.messageId,
        id: mail.id,
        owner: { route: mail.route, slot: mail.slot, sentAt: mail.sentAt },
        ...more,
      });
    };
    const usual = () => random.whole(400, 9000);

    if (what === 'sender-bug') {
      log('unasked');
      throw new TypeError('a bug of our own sender');
    }
    if (what === 'unasked') {
      log('unasked');
      return { state: 'unsent', cause: 'not-in-rotation', sentAt: mail.sentAt };
    }
    begun();
    if (what === 'denied' || what === 'down') {
      log('refused');
      await clock.wait(answer);
      return what === 'denied'
        ? {
            state: 'refused',
            cause: 'relay-denied',
            temporary: false,
            evidence: '554 5.7.1 Relay access denied',
            ...said,
            seenAs: host.address,
          }
        : { state: 'refused', cause: 'connect-refused', temporary: false, stage: 'connect', ...said };
    }
    if (what === 'deferred') {
      log('deferred');
      await clock.wait(answer);
      return {
        state: 'refused',
        cause: 'temporary-refusal',
        temporary: true,
        evidence: '451 4.7.1 try again later',
        ...said,
      };
    }
    if (what === 'hanging') {
      log('unanswered');
      await clock.wait(timeout);
      return { state: 'unanswered', stage: 'body', ...said };
    }
    if (what === 'ambiguous') {
      const delivered = random.chance(0.5);
      truth.count(delivered ? 'unanswered and delivered' : 'unanswered and lost');
      log('unanswered');
      if (delivered) deliver(usual(), 'INBOX');
      await clock.wait(answer);
      return { state: 'unanswered', stage: 'body', ...said };
    }
    log('accepted');
    if (what === 'bounced')
      deliver(random.whole(2000, 90_000), 'INBOX', {
        bounce: { words: '550 5.1.1 user unknown', reportedBy: 'mx.far.example' },
      });
    else if (what === 'slow') deliver(usual() + (fault?.delay ?? 0), 'INBOX');
    else if (what === 'junk') deliver(usual(), 'Junk');
    else if (what === 'archived') deliver(usual(), 'Archive');
    else if (what !== 'dropped') deliver(usual(), 'INBOX');
    if (what === 'twice')
      deliver(random.chance(0.5) ? usual() : random.whole(400, 200_000), random.pick(['INBOX', 'Junk']));
    await clock.wait(answer);
    return path === 'app'
      ? { state: 'claimed', sentAt: mail.sentAt, queueId: 'Q1' }
      : { state: 'accepted', queueId: 'Q1', ...said };
  };
};
