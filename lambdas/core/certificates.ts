/** Which certificates the servers showed: gathered from looks and handovers, remembered for a week. */
import type { StoredBatch } from './items.ts';
import type { Certificate, Look, Ms } from './words.ts';

/** A certificate as it is remembered. */
export type Shown = Certificate & { readonly seenAt: Ms };

const hour: Ms = 60 * 60_000;
const day: Ms = 24 * hour;
/** A server that showed none for this long is not asked any more, or is gone. */
const memory = 7 * day;

/** Machines behind one name may show different ones, in turns: each is remembered. */
const keyOf = ({ server, until }: Certificate) => `${server}|${until}`;

const same = (a: Certificate, b: Certificate) =>
  JSON.stringify([a.name, a.names, a.from, a.until, a.signer]) ===
  JSON.stringify([b.name, b.names, b.from, b.until, b.signer]);

/**
 * The certificates that are known now, and those to be stored: new ones, changed ones, and once an hour those that are
 * the same. What a handover says counts as of its sending, so that an old batch does not bring back an old certificate.
 */
export const certificatesNow = (
  stored: readonly Shown[],
  looks: Iterable<Look>,
  batches: readonly StoredBatch[],
  now: Ms,
): { readonly known: readonly Shown[]; readonly changed: readonly Shown[] } => {
  const shown = [
    ...[...looks].flatMap((look): Shown[] =>
      look.state === 'looked' && look.certificate !== undefined ? [{ ...look.certificate, seenAt: now }] : [],
    ),
    ...batches.flatMap(({ handovers = [] }) =>
      handovers.flatMap(({ certificate, sentAt }): Shown[] =>
        certificate === undefined ? [] : [{ ...certificate, seenAt: sentAt }],
      ),
    ),
  ].sort((a, b) => a.seenAt - b.seenAt);
  const known = new Map(stored.filter(({ seenAt }) => now - seenAt < memory).map((one) => [keyOf(one), one]));
  const changed = new Map<string, Shown>();
  for (const one of shown) {
    const before = known.get(keyOf(one));
    if (before !== undefined && before.seenAt >= one.seenAt) continue;
    if (before !== undefined && same(before, one) && one.seenAt - before.seenAt < hour) continue;
    known.set(keyOf(one), one);
    changed.set(keyOf(one), one);
  }
  return { known: [...known.values()], changed: [...changed.values()] };
};
