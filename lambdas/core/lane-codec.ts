/**
 * How a lane is written down. A record is a few characters ("10d2300": slot offset, verdict, milliseconds), since the
 * bill for 10,000 routes is mostly the size of these items; what bad records share is written once, as a fact.
 */
import type { Cause } from './causes.ts';
import type { Health, Lane, Record, RouteMemory } from './lane.ts';
import type { Product } from './products.ts';
import type { RouteId, Slot, Verdict } from './words.ts';

const letterOf = {
  delivered: 'd',
  late: 'l',
  junked: 'j',
  refused: 'r',
  bounced: 'b',
  lost: 'x',
  unauthenticated: 'a',
  denied: 'n',
  relayed: 'o',
  unsent: 'u',
  blind: 'i',
} as const satisfies { [verdict in Verdict]: string };
const verdictOf = new Map(Object.entries(letterOf).map(([verdict, letter]) => [letter as string, verdict as Verdict]));

const verdictFor = (letter: string): Verdict =>
  verdictOf.get(letter) ?? unreadable(`its verdict ${JSON.stringify(letter)}`);

const healthOf = { n: 'new', h: 'healthy', s: 'suspected', f: 'failing' } as const satisfies {
  [letter: string]: Health;
};
type HealthLetter = keyof typeof healthOf;

/** Cause, evidence, answeredBy, seenAs, ownServer, product, moved, unauthenticated, shown; what is missing at the end is left out. */
type Fact = readonly [
  Cause | null,
  string | null,
  string | null,
  string | null,
  1 | 0,
  (Product | null)?,
  (string | null)?,
  (string | null)?,
  (string | null)?,
];

const withoutEnd = (fact: Fact): Fact => {
  const length = fact.findLastIndex((part, index) => index < 5 || (part ?? null) !== null) + 1;
  return fact.slice(0, length) as unknown as Fact;
};

/** Health, recent, since, failedAt, forgotten (slots, or null), then the records. */
type Row = readonly [HealthLetter, string, Slot | null, Slot | null, Slot | null, string];

type Body = {
  readonly base: Slot;
  readonly facts: readonly Fact[];
  readonly routes: Readonly<{ [route: RouteId]: Row }>;
};

/** What today's writer does not write was written by something else, and is not guessed at. */
const unreadable = (what: string): never => {
  throw new Error(`a lane cannot be read: ${what}`);
};

const recordForm =
  /^(\d+)([a-z])(\d*)(?:!(\d+))?(?:<([a-z]))?(?:@(\d+))?(?:~([0-9a-z]+))?(?:>([0-9a-fA-F:.]+))?(\*)?(?:%(\d+))?$/;

/** Writes a lane. Rounds up to `tallied` are dropped: only what no tally holds yet needs its round. */
export const encodeLane = (lane: Lane, tallied: number): Body => {
  const all = Object.values(lane.routes).flatMap(({ records }) => records);
  const base = all.reduce((least, { slot }) => Math.min(least, slot), Number.MAX_SAFE_INTEGER);
  const facts: Fact[] = [];
  const places = new Map<string, number>();
  const factOf = (record: Record, newest: boolean): string => {
    const fact = withoutEnd([
      record.cause ?? null,
      record.evidence ?? null,
      record.answeredBy ?? null,
      record.seenAs ?? null,
      record.ownServer ? 1 : 0,
      record.product ?? null,
      record.moved ?? null,
      record.unauthenticated ?? null,
      newest ? (record.shown ?? null) : null,
    ]);
    if (fact.every((part) => part === null || part === 0)) return '';
    const text = JSON.stringify(fact);
    const place = places.get(text) ?? facts.push(fact) - 1;
    places.set(text, place);
    return `!${place}`;
  };
  const write = (record: Record, index: number, { length }: { readonly length: number }) =>
    `${record.slot - base}${letterOf[record.verdict]}${record.took === undefined ? '' : Math.round(record.took)}${factOf(record, index === length - 1)}` +
    `${record.was === undefined ? '' : `<${letterOf[record.was]}`}${record.round !== undefined && record.round > tallied ? `@${record.round}` : ''}` +
    `${record.sentAt === undefined ? '' : `~${record.sentAt.toString(36)}`}${record.leftFrom === undefined ? '' : `>${record.leftFrom}`}` +
    `${record.altered ? '*' : ''}${record.appFailures ? `%${record.appFailures}` : ''}`;
  const row = ({ base: state, forgotten, records }: RouteMemory): Row => [
    state.health.charAt(0) as HealthLetter,
    state.recent,
    state.since ?? null,
    state.failedAt ?? null,
    forgotten ?? null,
    records.map(write).join(' '),
  ];
  const routes = Object.fromEntries(Object.entries(lane.routes).map(([route, memory]) => [route, row(memory)]));
  return { base: all.length === 0 ? 0 : base, facts, routes };
};

/** Reads a lane. Throws on anything that `encodeLane` does not write. */
export const decodeLane = (body: unknown): Lane => {
  const { base, facts, routes } = body as Body;
  const read = (text: string): Record => {
    const [, offset, letter = '', took, fact, was, round, sent, leftFrom, altered, failures] =
      recordForm.exec(text) ?? [];
    const shared = fact === undefined ? [] : facts[Number(fact)];
    if (offset === undefined || shared === undefined) return unreadable(`its record ${JSON.stringify(text)}`);
    const [cause, evidence, answeredBy, seenAs, own, product, moved, unauthenticated, shown] = shared;
    return {
      slot: base + Number(offset),
      verdict: verdictFor(letter),
      ...(took ? { took: Number(took) } : {}),
      ...(cause ? { cause } : {}),
      ...(evidence ? { evidence } : {}),
      ...(answeredBy ? { answeredBy } : {}),
      ...(seenAs ? { seenAs } : {}),
      ...(own ? { ownServer: true } : {}),
      ...(product ? { product } : {}),
      ...(moved ? { moved } : {}),
      ...(unauthenticated ? { unauthenticated } : {}),
      ...(shown ? { shown } : {}),
      ...(leftFrom ? { leftFrom } : {}),
      ...(altered ? { altered: true } : {}),
      ...(failures ? { appFailures: Number(failures) } : {}),
      ...(was ? { was: verdictFor(was) } : {}),
      ...(round ? { round: Number(round) } : {}),
      ...(sent ? { sentAt: Number.parseInt(sent, 36) } : {}),
    };
  };
  const memory = ([health, recent, since, failedAt, forgotten, records]: Row): RouteMemory => ({
    base: {
      health: healthOf[health] ?? unreadable(`its health ${JSON.stringify(health)}`),
      recent,
      ...(since === null ? {} : { since }),
      ...(failedAt === null ? {} : { failedAt }),
    },
    ...(forgotten === null ? {} : { forgotten }),
    records: records === '' ? [] : records.split(' ').map(read),
  });
  return { routes: Object.fromEntries(Object.entries(routes).map(([route, row]) => [route, memory(row)])) };
};
