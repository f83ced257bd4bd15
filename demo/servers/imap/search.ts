/** SEARCH (RFC 3501 6.4.4): a query compiled to a test on one message. */
import { parseImapDate, searchedValues } from './message.ts';
import { canonicalFlag, type StoredMessage } from './store.ts';
import { inSet, type Token, textOf } from './wire.ts';

/** What sequence numbers and `*` mean while a search runs. */
export type View = { readonly messages: readonly StoredMessage[] };

type Test = (message: StoredMessage, sequence: number) => boolean;

const day = 86_400_000;
const dayOf = (at: number) => Math.floor(at / day);
const flagged =
  (flag: string, wanted: boolean): Test =>
  (message) =>
    message.flags.has(canonicalFlag(flag)) === wanted;

const header = (field: string, words: string): Test => {
  const [name, text] = [field.toLowerCase(), words.toLowerCase()];
  return (message) => searchedValues(message, name).some((value) => value.includes(text));
};

const sent = (message: StoredMessage) => Date.parse(searchedValues(message, 'date')[0] ?? '');

const flags = ['ANSWERED', 'DELETED', 'DRAFT', 'FLAGGED', 'SEEN'];

/** Compiles search keys; all must hold. Throws for keys that it does not know. */
export const compile = (tokens: readonly Token[], view: View): Test => {
  let at = 0;
  const take = (): string => textOf(tokens[at++]);
  const date = (): number => {
    const value = dayOf(parseImapDate(take()));
    if (Number.isNaN(value)) throw new Error('bad date');
    return value;
  };
  const last = () => view.messages.at(-1)?.uid ?? 0;

  const dates: Readonly<Record<string, (wanted: number) => Test>> = {
    SINCE: (wanted) => (message) => dayOf(message.internalDate) >= wanted,
    BEFORE: (wanted) => (message) => dayOf(message.internalDate) < wanted,
    ON: (wanted) => (message) => dayOf(message.internalDate) === wanted,
    SENTSINCE: (wanted) => (message) => dayOf(sent(message)) >= wanted,
    SENTBEFORE: (wanted) => (message) => dayOf(sent(message)) < wanted,
    SENTON: (wanted) => (message) => dayOf(sent(message)) === wanted,
  };

  const one = (): Test => {
    const token = tokens[at];
    if (token?.kind === 'list') {
      at += 1;
      return compile(token.items, view);
    }
    const name = take().toUpperCase();
    if (flags.includes(name)) return flagged(`\\${name}`, true);
    if (name.startsWith('UN') && flags.includes(name.slice(2))) return flagged(`\\${name.slice(2)}`, false);
    const byDate = dates[name];
    if (byDate !== undefined) return byDate(date());
    switch (name) {
      case 'ALL':
        return () => true;
      case 'KEYWORD':
      case 'UNKEYWORD':
        return flagged(take(), name === 'KEYWORD');
      case 'HEADER': {
        const field = take();
        return header(field, take());
      }
      case 'SUBJECT':
      case 'FROM':
      case 'TO':
      case 'CC':
        return header(name, take());
      case 'UID': {
        const test = inSet(take(), last());
        return (message) => test(message.uid);
      }
      case 'NOT': {
        const test = one();
        return (message, sequence) => !test(message, sequence);
      }
      case 'OR': {
        const [left, right] = [one(), one()];
        return (message, sequence) => left(message, sequence) || right(message, sequence);
      }
      default: {
        const test = inSet(name, view.messages.length);
        return (_, sequence) => test(sequence);
      }
    }
  };

  const tests: Test[] = [];
  while (at < tokens.length) tests.push(one());
  return (message, sequence) => tests.every((test) => test(message, sequence));
};
