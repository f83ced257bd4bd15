/** What a pass found besides failures: mail that arrived, and not as it should. Each is a warning. */
import type { Settings } from '../../lambdas/settings/schema.ts';
import type { Row } from './report.ts';

/** One sentence for each kind of finding, and one for each address that mail left from and should not have. */
export const findingsOf = (rows: readonly Row[], { hosts }: Settings): string[] => {
  const routes = (is: (row: Row) => boolean) =>
    rows.filter(is).map(({ route, slowest }) => `${route}${slowest === null ? '' : ` (${slowest})`}`);
  const all: readonly (readonly [string, string[]])[] = [
    ['arrived late', routes(({ verdict }) => verdict === 'late')],
    ['arrived in Junk', routes(({ verdict }) => verdict === 'junked')],
    [
      'arrived, and nothing proves the sender',
      routes(({ unauthenticated, verdict }) => unauthenticated && verdict !== 'unauthenticated'),
    ],
    ['arrived, and a rule moved it to a folder that is not read', routes(({ moved }) => moved)],
    ['arrived with another attachment than was sent', routes(({ altered }) => altered)],
  ];
  const elsewhere = new Map(
    rows.flatMap(({ host, path, origin }) =>
      origin?.state === 'mismatched' ? [[`${host} ${path}`, { host, path, address: origin.address }] as const] : [],
    ),
  );
  return [
    ...all.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what}: ${names.join(', ')}`])),
    ...[...elsewhere.values()].map(({ host, path, address }) => {
      const own = hosts.find(({ id }) => id === host)?.address;
      return `not proven: mail of ${host} over path ${path} left from ${address}, which is not its own (${own ?? 'none is known'}): correct its "address", declare ${address} in its "egress", or say why it does not matter in the path's "origin"`;
    }),
  ];
};
