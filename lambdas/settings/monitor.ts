/** From settings to what the rounds are told: every default applied, every span scaled by the pace. */

import { limitsFor } from '../core/limits.ts';
import type { Monitor } from '../core/monitor.ts';
import type { HostSource } from '../core/ports.ts';
import { endsOf } from '../mailbox/auth/index.ts';
import { kindOf, mustRefuse } from './checks.ts';
import { isInside } from './load.ts';
import { perDayOf } from './providers.ts';
import { everyOf } from './receiving.ts';
import type { Settings } from './schema.ts';

/** The longest period in which a host may send by its own clock. */
const patienceOf = (settings: Settings): number =>
  Object.values(settings.paths)
    .filter(({ kind }) => kindOf(kind).byHost)
    .reduce((longest, path) => Math.max(longest, everyOf(path, settings)), 0);

/** Derives the monitor. `pace` below 1 shortens every span but network timeouts (the demo's minute is a second). */
export const monitorOf = (settings: Settings, pace = 1): Monitor => ({
  name: settings.name,
  limits: limitsFor({ lostAfter: settings.lostAfter * pace, patience: patienceOf(settings) * pace }, pace),
  paths: Object.fromEntries(
    Object.entries(settings.paths).map(([name, path]) => [
      name,
      {
        every: everyOf(path, settings) * pace,
        deliverWithin: (path.deliverWithin ?? settings.deliverWithin) * pace,
        timeout: path.timeout,
        from: path.from,
        autoSubmitted: path.autoSubmitted,
        perDay: perDayOf(path),
        sharedServer: kindOf(path.kind).sharedServer(path),
        connections: path.connections,
        ...('size' in path && typeof path.size === 'number' ? { size: path.size } : {}),
        ...(kindOf(path.kind).byHost ? { byHost: true } : {}),
        ...(mustRefuse(path) ? { mustRefuse: true } : {}),
        ...(kindOf(path.kind).submitted?.(path) ? { submitted: true } : {}),
        ...(path.origin === undefined ? {} : { anyOrigin: path.origin.any }),
      },
    ]),
  ),
  mailboxes: Object.fromEntries(
    Object.entries(settings.mailboxes).map(([name, mailbox]) => {
      const { address, group, mustAuthenticate, trustedAuthservId, keep, shared } = mailbox;
      const ends = endsOf(mailbox.auth);
      return [
        name,
        {
          address,
          inside: isInside(address, settings.ourDomains),
          ...(group === undefined ? {} : { group }),
          ...(mustAuthenticate ? { mustAuthenticate } : {}),
          ...(trustedAuthservId === undefined ? {} : { judgesSenders: true }),
          ...(keep === undefined ? {} : { keep: keep * pace }),
          ...(shared ? { shared } : {}),
          ...(ends === undefined ? {} : { ends }),
        },
      ];
    }),
  ),
  ...(Object.keys(settings.bounces).length === 0 ? {} : { bounceMailboxes: Object.keys(settings.bounces) }),
});

/** The hosts that the settings list, as a host source. */
export const staticHosts = (settings: Settings): HostSource => ({ name: 'settings', list: async () => settings.hosts });
