/** A conversation as people read it in an incident: a line for each line of either side, and nothing that was secret. */
import { asEvidence } from '../../core/replies.ts';

/** What one side said: a command, or a reply of one or more lines. */
export type Spoken = { readonly by: 'S' | 'C'; readonly text: string };

const mostLines = 40;
const mostCharacters = 200;

/** A command as it may be kept: of a login only the method, and of what it answers to a challenge nothing. */
export const withoutLogin = (line: string, isLogin: boolean): string => {
  if (!isLogin) return line;
  const [, method, initial] = /^AUTH ([A-Za-z0-9_-]{1,20})( .*)?$/i.exec(line) ?? [];
  if (method === undefined) return '***';
  return initial === undefined ? `AUTH ${method}` : `AUTH ${method} ***`;
};

/** At most 40 lines of 200 characters: of a longer conversation its beginning and its end. Undefined when nobody spoke. */
export const conversationOf = (spoken: readonly Spoken[], mask: (words: string) => string): string[] | undefined => {
  const lines = spoken.flatMap(({ by, text }) => text.split(/\r?\n/).map((line) => ({ by, line })));
  const kept = ({ by, line }: (typeof lines)[number]) => `${by}: ${asEvidence(mask(line))}`.slice(0, mostCharacters);
  if (lines.length === 0) return undefined;
  if (lines.length <= mostLines) return lines.map(kept);
  const half = mostLines / 2;
  const left = lines.length - mostLines + 1;
  return [...lines.slice(0, half).map(kept), `(${left} lines left out)`, ...lines.slice(1 - half).map(kept)];
};
