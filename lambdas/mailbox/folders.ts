/** Which folders of a mailbox are read in every look, and which are searched only before a canary is called lost. */
import type { Listed } from './commands.ts';

/** True when the server listed it with this attribute; their case is the server's (RFC 9051, 7.3.1). */
export const carries = ({ flags }: Listed, flag: string): boolean => {
  const wanted = flag.toLowerCase();
  return [...flags].some((one) => one.toLowerCase() === wanted);
};

/** True when it can be opened. */
export const isSelectable = (folder: Listed): boolean =>
  !carries(folder, '\\Noselect') && !carries(folder, '\\NonExistent');

const isJunk = (folder: Listed) => carries(folder, '\\Junk');
/** A folder that shows the mail of others once more (RFC 6154) is searched last, for what the others did not have. */
const repeats = (folder: Listed) => ['\\All', '\\Flagged', '\\Important'].some((flag) => carries(folder, flag));
/** What lies there was written in this account: a copy of what was sent, not something that arrived. */
const isOutgoing = (folder: Listed) => carries(folder, '\\Sent') || carries(folder, '\\Drafts');

/** A folder of the settings: by its path, with any delimiter, with or without the INBOX under which some servers keep all of them. */
const named = (listed: readonly Listed[], name: string): Listed | undefined =>
  listed.find(({ path }) => path === name) ??
  listed.find(({ path, delimiter = '/' }) => {
    const asked = name.replaceAll('/', delimiter);
    return path === asked || path === `INBOX${delimiter}${asked}`;
  });

/** The folders of one look. */
export type Folders = {
  /** INBOX, or what is read in its place: a look that cannot read it is dark. */
  readonly main: string;
  /** All that are read, `main` first. */
  readonly read: readonly string[];
  readonly junk: ReadonlySet<string>;
  /** All others that a mail may have been moved to, in the order in which they are searched. */
  readonly others: readonly string[];
  /** Folders of the settings that are not there, in words. */
  readonly missing: readonly string[];
};

/**
 * INBOX, the folders that carry `\Junk` (never by their name), and those of the settings. With `allMail` (Gmail) that is
 * read in place of INBOX, and every folder but Junk and Trash is left out: they show the same messages once more.
 */
export const foldersOf = (
  listed: readonly Listed[],
  wanted: readonly string[],
  allMail: string | undefined,
): Folders => {
  const found = wanted.map((name) => ({ name, folder: named(listed, name) }));
  const main = allMail ?? 'INBOX';
  const shows = (folder: Listed) => allMail === undefined || isJunk(folder) || carries(folder, '\\Trash');
  const extra = found.flatMap(({ folder }) => (folder !== undefined && shows(folder) ? [folder.path] : []));
  const read = new Set([main, ...listed.filter(isJunk).map(({ path }) => path), ...extra]);
  const others = listed.filter(
    (folder) => isSelectable(folder) && !read.has(folder.path) && shows(folder) && !isOutgoing(folder),
  );
  return {
    main,
    read: [...read],
    junk: new Set(listed.filter(isJunk).map(({ path }) => path)),
    others: [...others.filter((folder) => !repeats(folder)), ...others.filter(repeats)].map(({ path }) => path),
    missing: found.filter(({ folder }) => folder === undefined).map(({ name }) => `folder "${name}" is not there`),
  };
};
