/** What is wrong with the mailboxes themselves, as conditions: dark, read-only, somebody's, a wrong clock, senders that nobody judges. */
import type { Condition } from './conditions.ts';
import type { MailboxState } from './items.ts';
import { type Monitor, mailboxNames, parseRoute } from './monitor.ts';
import type { Ms, Route } from './words.ts';

const time = (at: Ms) => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const darkOf = (
  name: string,
  { dark }: MailboxState,
  monitor: Monitor,
  routes: readonly Route[],
  now: Ms,
): Condition[] => {
  if (dark === undefined || now - dark.since < monitor.limits.darkFor) return [];
  const common = { cause: dark.cause, since: dark.since, mailbox: name };
  if (monitor.mailboxes[name] === undefined)
    return [
      {
        ...common,
        key: `bounces-dark|${name}`,
        severity: 'ticket',
        name: `bounce mailbox ${name}`,
        evidence: `${dark.detail}; returned mail is not read since ${time(dark.since)}`,
      },
    ];
  const count = routes.filter(({ id }) => parseRoute(id).mailbox === name).length;
  return [
    {
      ...common,
      key: `dark|${name}`,
      // The alarm Blind pages; this says why, and what to do.
      severity: 'note',
      name: `mailbox ${name}`,
      evidence:
        count === 0
          ? dark.detail
          : `${dark.detail}; whether mail of ${count} ${count === 1 ? 'route' : 'routes'} arrives is not known since ${time(dark.since)}`,
    },
  ];
};

const stuckOf = (name: string, { stuck }: MailboxState, { limits }: Monitor): Condition[] => {
  if (stuck === undefined) return [];
  const common = { name: `mailbox ${name}`, mailbox: name, since: stuck.since, evidence: stuck.detail };
  if (stuck.readOnly) return [{ ...common, key: `read-only|${name}`, severity: 'note', cause: 'mailbox-read-only' }];
  return stuck.rounds <= limits.removals
    ? []
    : [
        {
          ...common,
          key: `keeps-mail|${name}`,
          severity: 'ticket',
          cause: 'mailbox-keeps-mail',
          evidence: `${stuck.detail}; our own mail is not deleted for ${stuck.rounds} rounds, since ${time(stuck.since)}`,
        },
      ];
};

const foundIn = (name: string, state: MailboxState, monitor: Monitor, now: Ms): Condition[] => {
  const { clockOff, unjudged, foreign = 0 } = state;
  const plan = monitor.mailboxes[name];
  if (plan === undefined) return [];
  const common = { name: `mailbox ${name}`, mailbox: name };
  const isSomebodys = !plan.shared && foreign > monitor.limits.foreign;
  return [
    ...(clockOff === undefined
      ? []
      : [{ ...common, key: `clock|${name}`, severity: 'note', cause: 'mailbox-clock', since: clockOff } as const]),
    ...(unjudged === undefined
      ? []
      : [
          {
            ...common,
            key: `unjudged|${name}`,
            severity: plan.mustAuthenticate ? 'ticket' : 'note',
            cause: 'sender-unjudged',
            since: unjudged,
          } as const,
        ]),
    ...(isSomebodys
      ? [
          {
            ...common,
            key: `not-ours|${name}`,
            severity: 'note',
            cause: 'mailbox-not-ours',
            since: now,
            evidence: `it holds ${foreign} messages that are not ours`,
          } as const,
        ]
      : []),
  ];
};

/** The conditions of every mailbox that is looked into. */
export const mailboxConditions = (
  monitor: Monitor,
  routes: readonly Route[],
  states: ReadonlyMap<string, MailboxState>,
  now: Ms,
): Condition[] =>
  mailboxNames(monitor).flatMap((name) => {
    const state = states.get(name);
    if (state === undefined) return [];
    return [
      ...darkOf(name, state, monitor, routes, now),
      ...stuckOf(name, state, monitor),
      ...foundIn(name, state, monitor, now),
    ];
  });
