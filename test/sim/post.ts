/** A mailbox behind IMAP: folders with UIDs and UIDVALIDITY, other people's mail, dark and partial looks. */
import type { Ask, Mailbox, Removal } from '../../lambdas/core/ports.ts';
import type { Cursor, Look, MailSeen, Ms, Place, RouteId, Slot } from '../../lambdas/core/words.ts';
import type { Clock } from './clock.ts';
import { type Machine, Refused } from './machine.ts';
import type { Random } from './random.ts';
import type { OurFault } from './story.ts';
import type { Truth } from './truth.ts';

/** A mail as the mailbox keeps it. `owner` is the canary that it truly is; without one it is somebody's mail. */
export type Mail = {
  readonly internalDate: Ms;
  readonly canary?: string | undefined;
  readonly messageId?: string | undefined;
  readonly bounce?: MailSeen['bounce'];
  /** The id that its subject carries; decides nothing. */
  readonly id?: string | undefined;
  readonly owner?: { readonly route: RouteId; readonly slot: Slot; readonly sentAt: Ms } | undefined;
};

type Kept = Mail & { readonly uid: number; readonly arrivedAt: Ms };
type Folder = { validity: number; next: number; mails: Kept[] };

export type Post = {
  readonly deliver: (folder: string, at: Ms, mail: Mail) => void;
  readonly mailboxFor: (machine: Machine) => Mailbox;
  /** The server makes every folder anew, as a restore from a backup does. */
  readonly recreate: () => void;
  readonly inFolders: () => readonly { readonly folder: string; readonly validity: string; readonly mail: Kept }[];
  /** It refused to delete, once at least. */
  readonly refused: () => boolean;
  readonly work: { asks: number; asked: number; mails: number };
};

export type PostOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly truth: Truth;
  readonly suffers: (what: OurFault) => boolean;
  /** Called for each of our mails as it is removed. */
  readonly onRemove: (mail: Mail & { readonly folder: string }) => void;
};

/** Folders that a look reads; everything else is searched only in the last call. */
const read = ['INBOX', 'Junk'] as const;
/** Mails that one look reads at most while it is held up. */
const cap = 12;

export const postOf = (options: PostOptions): Post => {
  const { name, clock, random, truth, suffers } = options;
  const folders = new Map<string, Folder>(
    [...read, 'Archive'].map((folder) => [folder, { validity: 1, next: 1, mails: [] }]),
  );
  const work = { asks: 0, asked: 0, mails: 0 };
  let hasRefused = false;
  const folderOf = (path: string): Folder => folders.get(path) ?? { validity: 0, next: 1, mails: [] };
  const seen = (folder: string, { validity }: Folder, mail: Kept): MailSeen => ({
    place: { folder, uidValidity: String(validity), uid: mail.uid },
    junk: folder === 'Junk',
    internalDate: mail.internalDate,
    canary: mail.canary,
    messageId: mail.messageId,
    hops: [],
    bounce: mail.bounce,
    ...(read.some((one) => one === folder) ? {} : { moved: true as const }),
  });
  const names = ({ id }: Kept, ids: ReadonlySet<string>) => id !== undefined && ids.has(id);

  const readFolder = (path: string, ask: Ask, ids: ReadonlySet<string>) => {
    const folder = folderOf(path);
    const known = ask.cursor?.[path];
    const from = known?.uidValidity === String(folder.validity) ? known.uidNext : 1;
    if (known !== undefined && known.uidValidity !== String(folder.validity)) truth.count('UIDVALIDITY changed');
    const fresh = folder.mails.filter(({ uid }) => uid >= from);
    if (!suffers('partial') || fresh.length <= cap)
      return { mails: fresh.map((mail) => seen(path, folder, mail)), next: folder.next, cut: false };
    // Held up: the expected ones first, then the others as far as the cap goes.
    const expected = fresh.filter((mail) => names(mail, ids));
    const others = fresh.filter((mail) => !expected.includes(mail));
    const room = Math.max(0, cap - expected.length);
    return {
      mails: [...expected, ...others.slice(0, room)].map((mail) => seen(path, folder, mail)),
      next: others[room]?.uid ?? folder.next,
      cut: others.length > room,
    };
  };

  const look = async (ask: Ask, machine: Machine): Promise<Look> => {
    const at = machine.now();
    const began = clock.now();
    work.asks += 1;
    work.asked += ask.expected.length + ask.lastCall.length;
    const log = (complete: boolean, words: string) => {
      truth.looks.push({ mailbox: name, confirm: machine.number, began, complete });
      truth.tell(() => `confirm ${machine.number} looks into ${name}: ${words}`);
      if (!complete) truth.count(`look ${words.split(',')[0]}`);
    };
    await clock.wait(random.whole(20, 1500));
    if (suffers('login-refused')) {
      log(false, 'login refused');
      return { state: 'dark', cause: 'imap-login-refused', detail: 'NO [AUTHENTICATIONFAILED]' };
    }
    if (suffers('dark')) {
      log(false, 'dark');
      return { state: 'dark', cause: 'connect-timeout', detail: 'no answer' };
    }
    const ids = new Set(ask.expected);
    const mails: MailSeen[] = [];
    const cursor: { [folder: string]: Cursor[string] } = {};
    let complete = true;
    for (const path of read) {
      if (path === 'Junk' && suffers('partial')) {
        complete = false;
        const before = ask.cursor?.[path];
        if (before !== undefined) cursor[path] = before;
        continue;
      }
      const reading = readFolder(path, ask, ids);
      mails.push(...reading.mails);
      cursor[path] = { uidValidity: String(folderOf(path).validity), uidNext: reading.next };
      complete &&= !reading.cut;
      await clock.wait(random.whole(20, 2000));
    }
    const calls = new Set(ask.lastCall);
    if (calls.size > 0) {
      const known = new Set(mails.map(({ place }) => `${place.folder} ${place.uid}`));
      for (const [path, folder] of folders) {
        const found = folder.mails.filter((mail) => names(mail, calls) && !known.has(`${path} ${mail.uid}`));
        mails.push(...found.map((mail) => seen(path, folder, mail)));
        if (path === 'Archive') truth.count('found by the last call', found.length);
      }
    }
    if (ask.sweep !== undefined) {
      const { sweep } = ask;
      const known = new Set(mails.map(({ place }) => `${place.folder} ${place.uid}`));
      for (const path of read) {
        const left = folderOf(path).mails.filter(
          ({ uid, canary, messageId, bounce, internalDate }) =>
            // By header, or by subject where a gateway stripped that.
            (canary ?? messageId) !== undefined &&
            bounce === undefined &&
            internalDate < sweep &&
            !known.has(`${path} ${uid}`),
        );
        mails.push(...left.map((mail) => seen(path, folderOf(path), mail)));
        truth.count('left behind, found by the sweep', left.length);
      }
    }
    work.mails += mails.length;
    log(complete, complete ? `complete, ${mails.length} mails` : `partial, ${mails.length} mails`);
    return {
      state: 'looked',
      at,
      complete,
      ...(complete ? {} : { detail: 'folder Junk could not be read' }),
      mails,
      cursor,
      ...(ask.state ? { messages: folderOf('INBOX').mails.length } : {}),
    };
  };

  const remove = (places: readonly Place[]): Removal => {
    if (suffers('unremovable')) {
      hasRefused = true;
      truth.count('removal refused');
      if (random.chance(0.5)) throw new Refused('the connection was lost');
      truth.count('removal answered with no');
      return { removed: 0, refused: { readOnly: random.chance(0.3), detail: 'NO [NOPERM] not allowed' } };
    }
    let removed = 0;
    for (const { folder: path, uidValidity, uid } of places) {
      const folder = folderOf(path);
      const mail = folder.mails.find((one) => one.uid === uid && String(folder.validity) === uidValidity);
      if (mail === undefined) continue;
      if (mail.owner === undefined) truth.violate(`somebody's mail ${uid} was removed from ${name}/${path}`);
      else options.onRemove({ ...mail, folder: path });
      folder.mails = folder.mails.filter((one) => one !== mail);
      removed += 1;
    }
    return { removed };
  };

  return {
    work,
    refused: () => hasRefused,
    deliver: (path, at, mail) =>
      clock.at(at, () => {
        const folder = folderOf(path);
        folder.mails.push({ ...mail, uid: folder.next, arrivedAt: clock.now() });
        folder.next += 1;
      }),
    recreate: () => {
      for (const folder of folders.values()) {
        folder.validity += 1;
        folder.mails = folder.mails.map((mail, index) => ({ ...mail, uid: index + 1 }));
        folder.next = folder.mails.length + 1;
      }
    },
    inFolders: () =>
      [...folders].flatMap(([folder, { validity, mails }]) =>
        mails.map((mail) => ({ folder, validity: String(validity), mail })),
      ),
    mailboxFor: (machine) => ({
      look: (ask) => machine.call(`look ${name}`, () => look(ask, machine)),
      remove: (places) => machine.call(`remove mail ${name}`, async () => remove(places)),
      close: async () => undefined,
    }),
  };
};
