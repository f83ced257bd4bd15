/** From settings to what the rounds are told: every default applied, every span scaled by the pace. */

import { limitsFor } from '../core/limits.ts';
import type { Monitor } from '../core/monitor.ts';
import type { HostSource } from '../core/ports.ts';
import { kindOf } from './checks.ts';
import { isInside } from './load.ts';
import { perDayOf } from './providers.ts';
import type { Settings } from './schema.ts';

/** Derives the monitor. `pace` below 1 shortens every span but network timeouts (the demo's minute is a second). */
export const monitorOf = (settings: Settings, pace = 1): Monitor => ({
  name: settings.name,
  limits: limitsFor({ lostAfter: settings.lostAfter * pace }, pace),
  paths: Object.fromEntries(
    Object.entries(settings.paths).map(([name, path]) => [
      name,
      {
        every: (path.every ?? settings.every) * pace,
        deliverWithin: (path.deliverWithin ?? settings.deliverWithin) * pace,
        timeout: path.timeout,
        from: path.from,
        autoSubmitted: path.autoSubmitted,
        perDay: perDayOf(path),
        sharedServer: kindOf(path.kind).sharedServer(path),
        connections: path.connections,
      },
    ]),
  ),
  mailboxes: Object.fromEntries(
    Object.entries(settings.mailboxes).map(([name, { address }]) => [
      name,
      { address, inside: isInside(address, settings.ourDomains) },
    ]),
  ),
});

/** The hosts that the settings list, as a host source. */
export const staticHosts = (settings: Settings): HostSource => ({ name: 'settings', list: async () => settings.hosts });
