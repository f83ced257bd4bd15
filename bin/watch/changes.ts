/** What `watch` prints: a line when a route's verdict changes, and a line a round when something was settled. */
import type { Confirmed } from '../../lambdas/core/confirm.ts';
import type { Metrics } from '../../lambdas/core/ports.ts';
import { type RouteId, verdicts } from '../../lambdas/core/words.ts';

export type Print = (line: string) => void;

/** "20:31:05" in the time zone of the settings. */
export const clockIn = (timezone: string) => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return (at: number) => format.format(at);
};

/** Prints the changes of each round; remembers the last verdict of each route and the last state of each mailbox. */
export const changesOf = (print: Print) => {
  const last = new Map<RouteId, string>();
  const dark = new Map<string, string>();
  return ({ settled, dark: darkNow, problems }: Confirmed): void => {
    for (const { route, judgement, was, handover } of settled) {
      const { verdict, cause, evidence, answeredBy, took } = judgement;
      if (verdict === 'pending') continue;
      const word =
        was === undefined ? verdicts[verdict].people : `${verdicts[verdict].people}, after it was called ${was}`;
      if (last.get(route) === word) continue;
      last.set(route, word);
      const seconds = took === undefined ? '' : ` after ${(took / 1000).toFixed(1)} s`;
      const good = verdicts[verdict].says === 'good';
      const by = answeredBy ?? handover?.answeredBy;
      const why =
        good || cause === undefined
          ? ''
          : `: ${cause}${by === undefined ? '' : ` by ${by}`}${evidence === undefined ? '' : `: ${evidence}`}`;
      print(`${route}  ${good ? '✓' : verdicts[verdict].says === 'bad' ? '✗' : '?'} ${word}${seconds}${why}`);
    }
    for (const [mailbox, { cause, detail }] of darkNow) {
      if (dark.get(mailbox) === cause) continue;
      dark.set(mailbox, cause);
      print(`mailbox ${mailbox}  ? cannot be read: ${cause}: ${detail}; what should arrive in it is not known`);
    }
    for (const mailbox of dark.keys()) {
      if (darkNow.has(mailbox)) continue;
      dark.delete(mailbox);
      print(`mailbox ${mailbox}  ✓ is read again`);
    }
    for (const { what, error } of problems)
      print(`! ${what} failed: ${error instanceof Error ? error.message : 'unknown error'}; it is tried again`);
  };
};

/** Metrics to the terminal: each point as one line, when somebody asked for them. */
export const terminalMetrics = (print: Print | undefined): Metrics => ({
  publish: async (points) => {
    for (const { name, dimensions, values, counts } of points) {
      const labels = Object.entries(dimensions)
        .map(([key, value]) => `${key}=${value}`)
        .join(',');
      print?.(
        `metric ${name}{${labels}} ${values.map((value, index) => `${value}${counts[index] === 1 ? '' : ` x${counts[index]}`}`).join(' ')}`,
      );
    }
  },
});
