/** Real rounds over a drawn mailbox: it is filled, `confirm` settles and cleans up, and what that left is compared. */
import type { Faults } from '../../demo/servers/imap/options.ts';
import { memoryLedger } from '../../lambdas/adapters/ledger-memory.ts';
import { type Confirmed, confirm } from '../../lambdas/core/confirm.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { limitsFor } from '../../lambdas/core/limits.ts';
import type { Monitor } from '../../lambdas/core/monitor.ts';
import type { Mailbox } from '../../lambdas/core/ports.ts';
import type { Handover, Ms, Slot } from '../../lambdas/core/words.ts';
import { user } from './embedded.ts';
import { canaryOf, foreignKinds, forms, key } from './foreign-mails.ts';
import { contentsOf, type FolderDrawn, heal, nameOf, same, say, unflagged, type World } from './foreign-world.ts';

const minute: Ms = 60_000;
const hour = 60 * minute;
/** A moment in November 2026, at which every story begins. */
export const begin: Ms = Date.UTC(2026, 10, 17, 9, 30);
/** All hosts have one batch, sent three minutes before. */
const slot: Slot = begin / minute - 3;
const sentAt: Ms = slot * minute + 5000;
export const hosts = ['web-01', 'web-02', 'web-03', 'web-04'] as const;

export type MailDrawn = {
  readonly folder: FolderDrawn;
  readonly flags: readonly string[];
  /** Minutes before now. */
  readonly age: number;
} & (
  | { readonly foreign: keyof typeof foreignKinds; readonly of: number; readonly words: string }
  /** Of a host in the batch (0 to 3); a stray of yesterday; of a minute whose batch is still to come. */
  | { readonly own: keyof typeof forms; readonly of: number | 'stray' | 'early' }
);

export type Story = {
  readonly mails: readonly MailDrawn[];
  readonly faults: Faults;
  readonly gmail: boolean;
  /** It is a sender's own mailbox, which is read for bounces only: a canary in it is the sender's copy. */
  readonly senders: boolean;
  /** Archive is read as well, besides INBOX and Junk. */
  readonly archive: boolean;
  /** The mailbox was looked into when it was empty: everything in it is read, not only what a search finds. */
  readonly known: boolean;
  /** Where something kept the first round from cleaning up, another one comes when the fault is over. */
  readonly again: boolean;
};

const monitor: Monitor = {
  name: 'production',
  limits: limitsFor({ lostAfter: 15 * minute }),
  paths: {
    app: {
      every: 10 * minute,
      deliverWithin: 2 * minute,
      timeout: 30_000,
      from: 'orders@example.com',
      autoSubmitted: true,
      connections: 2,
    },
  },
  mailboxes: { outside: { address: user, inside: false, shared: true } },
};
const withSender: Monitor = { ...monitor, bounceMailboxes: ['sender'] };
/** Nothing comes to where canaries should arrive. */
const unreachable: Mailbox = {
  look: async () => ({ state: 'dark', cause: 'connect-refused', detail: 'connect: refused' }),
  remove: async () => ({ removed: 0 }),
  close: async () => {},
};

const canaryAt = (of: number | 'stray' | 'early') => {
  if (of === 'stray') return canaryOf('web-01', slot - 24 * 60, sentAt - 24 * hour);
  if (of === 'early') return canaryOf('web-02', slot + 2, sentAt + 2 * minute);
  return canaryOf(hosts[of] ?? 'web-01', slot, sentAt);
};

/** `at once`: no later look comes back to it where the server refused to delete it. What has no fate has to stay. */
type Fate = 'must go' | 'must go at once' | 'may go' | 'may go later';

const fateOf = (mail: MailDrawn, { mails, gmail, senders, archive }: Story): Fate | undefined => {
  if (!('own' in mail) || (senders && mail.own !== 'returned')) return undefined;
  if (mail.of === 'early') return 'may go later';
  const isRead = ['INBOX', 'Junk', ...(archive || gmail ? ['Archive'] : [])].includes(mail.folder);
  if (mail.of === 'stray' || !isRead) return 'may go';
  // At Gmail the same mail of the same second in two folders may be one mail with two labels: one of them is enough.
  const isSame = (other: MailDrawn) => 'own' in other && other.own === mail.own && other.of === mail.of;
  if (gmail && mails.some((other) => isSame(other) && other.folder !== mail.folder)) return 'may go';
  return mail.own === 'returned' ? 'must go at once' : 'must go';
};

const isFresh = (mail: MailDrawn) => 'own' in mail && typeof mail.of === 'number';

/** A ledger after `plan` and `send`; `cursor` is where the mailbox was read to. */
const ledgerWith = async (name: string, cursor: Readonly<Record<string, string>> | undefined) => {
  const ledger = memoryLedger();
  const items = itemsOf(ledger);
  const facts = { paths: ['app'], mailboxes: ['outside'], services: [], customers: [], labels: {} };
  for (const [seat, id] of hosts.entries()) await items.putHost({ id, ...facts, seat, since: 0, missing: 0 });
  const batch = { slot, name: 'app.0', path: 'app', routes: hosts.map((host) => `${host}/app/outside`) };
  await items.putBatch(batch, begin);
  const accepted: Handover = { state: 'accepted', sentAt, answeredBy: 'mail-gw' };
  await items.putHandovers(
    batch,
    hosts.map(() => accepted),
    begin,
  );
  if (cursor !== undefined) {
    const read = Object.entries(cursor).map(([name, uidValidity]) => [name, { uidValidity, uidNext: 1 }]);
    // What is asked once an hour was asked just now: the sweep comes with a second round, or with a first look.
    await items.putMailbox(name, { unseen: 0, cursor: Object.fromEntries(read), askedAt: begin }, 0);
  }
  return ledger;
};

type Answer = 'removed' | 'refused' | 'failed';

/** The mailbox, and what it answered to removals. */
const watched = (mailbox: Mailbox, answers: Answer[]): Mailbox => ({
  ...mailbox,
  remove: async (places) => {
    try {
      const removal = await mailbox.remove(places);
      answers.push(removal.refused === undefined ? 'removed' : 'refused');
      return removal;
    } catch (error) {
      answers.push('failed');
      throw error;
    }
  },
});

/** What the rounds of one story did. */
export type Outcome = {
  readonly foreign: number;
  /** Own mails that had to go, and went. */
  readonly gone: number;
  readonly refused: boolean;
  readonly failed: boolean;
  readonly dark: boolean;
};

/** Plays a story; throws where anything but our own settled mail was touched, or where that was not cleaned up. */
export const play = async (world: World, story: Story): Promise<Outcome> => {
  const { mails, faults, gmail, senders, archive, known, again } = story;
  const name = senders ? 'sender' : 'outside';
  const server = world.emptied(gmail);
  const cursor = server.store.folders(user).map(({ name, uidValidity }) => [name, String(uidValidity)] as const);
  const ledger = await ledgerWith(name, known ? Object.fromEntries(cursor) : undefined);

  const fates = new Map<number, Fate>();
  for (const mail of mails) {
    const canary = canaryAt(mail.of);
    const raw = 'own' in mail ? forms[mail.own](canary) : foreignKinds[mail.foreign](canary, mail.words);
    const folder = nameOf(mail.folder, gmail);
    const internalDate = isFresh(mail) ? sentAt + 1000 : begin - mail.age * minute;
    const how = { flags: mail.flags, internalDate };
    const uid = server.store.deliver(user, folder, Buffer.from(raw, 'latin1'), how);
    const { id = 0 } = server.store.messages(user, folder).find((one) => one.uid === uid) ?? {};
    const fate = fateOf(mail, story);
    if (fate !== undefined) fates.set(id, fate);
  }
  const before = contentsOf(server);

  let answers: Answer[] = [];
  const mailbox = world.mailboxOf(server, faults.without ?? [], {
    folders: archive ? [nameOf('Archive', gmail)] : [],
    bouncesOnly: senders,
  });
  const round = async (): Promise<Confirmed> => {
    answers = [];
    const confirmed = await confirm(
      {
        ledger,
        mailboxes: { outside: unreachable, [name]: watched(mailbox, answers) },
        metrics: { publish: async () => {} },
        teller: { tell: async () => {} },
        now: () => world.clock.now,
      },
      senders ? withSender : monitor,
      { current: key },
    );
    if (confirmed === undefined) throw new Error('the lease is held');
    const others = confirmed.problems.filter(({ what }) => !what.startsWith('removing canaries'));
    if (others.length > 0)
      throw new Error(`a problem of our own: ${others.map(({ what, error }) => `${what}: ${error}`)}`);
    return confirmed;
  };

  /** What is not ours, and what of ours waits, is as it was; ours is gone, or as it was but for \Deleted. */
  const check = (time: 'now' | 'later', mustBeGone: readonly Fate[]): number => {
    const after = contentsOf(server);
    const gone = new Set<number>();
    for (const [folder, messages] of before) {
      const there = new Map((after.get(folder) ?? []).map((mail) => [mail.uid, mail]));
      for (const mail of messages) {
        const fate = fates.get(mail.id);
        const isOurs = fate !== undefined && (fate !== 'may go later' || time === 'later');
        const left = there.get(mail.uid);
        there.delete(mail.uid);
        if (left === undefined) {
          if (!isOurs) throw new Error(`gone from ${folder}: ${say(mail)}`);
          if (fate.startsWith('must')) gone.add(mail.id);
        } else {
          if (isOurs ? !same(unflagged(mail), unflagged(left)) : !same(mail, left))
            throw new Error(`changed in ${folder}: ${say(mail)} is now ${say(left)}`);
          if (fate !== undefined && mustBeGone.includes(fate)) throw new Error(`still in ${folder}: ${say(left)}`);
        }
      }
      // At Gmail ours lies in the trash where that did not let itself be emptied.
      const mayHold = (id: number) => gmail && folder === nameOf('Trash', gmail) && fates.has(id);
      for (const mail of there.values()) if (!mayHold(mail.id)) throw new Error(`new in ${folder}: ${say(mail)}`);
    }
    return gone.size;
  };

  const foreign = mails.filter((mail) => 'foreign' in mail).length;
  Object.assign(server.faults, faults);
  const dark = (await round()).dark.has(name);
  const [refused, failed] = [answers.includes('refused'), answers.includes('failed')];
  const isClean = !dark && !refused && !failed;
  const gone = check('now', isClean ? ['must go', 'must go at once'] : []);
  if (isClean || !again) return { foreign, gone, refused, failed, dark };

  // The fault is over, but for what the server cannot do at all.
  heal(server, ['without']);
  world.clock.now = begin + 2 * hour;
  const second = await round();
  const isCleanNow = !second.dark.has(name) && !answers.includes('refused');
  const goneNow = check('later', isCleanNow ? ['must go', ...(refused ? [] : (['must go at once'] as const))] : []);
  return { foreign, gone: goneNow, refused, failed, dark };
};
