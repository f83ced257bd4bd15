/** How each kind of trouble is told on a page: one row each, from the state word to whether mail must be sent again. */
import type { Cause } from '../core/causes.ts';
import type { Affected, Incident } from '../core/incident.ts';

/** What the words are made of: who is in trouble now, of how many, and through whom. */
export type Scene = {
  readonly hosts: readonly string[];
  readonly whole: number | undefined;
  readonly server: string;
  readonly path: string;
  readonly mailbox: string;
  readonly many: boolean;
};

export type Wording = {
  readonly state: string;
  /** Through whom, for the title. */
  readonly where: (scene: Scene) => string;
  readonly what: (scene: Scene, who: string) => string;
  readonly quoted: 'Server said' | 'Seen' | 'Our sender said';
  /** Whether mail must be sent again, or has arrived. */
  readonly consequence: string;
  /** For the title of the closing message. */
  readonly over: (scene: Scene) => string;
};

const to = ({ mailbox }: Scene) => `to mailbox ${mailbox}`;
const by = ({ server }: Scene) => `by ${server}`;
const on = ({ path }: Scene) => `on path ${path}`;
const send = ({ many }: Scene) => `${many ? 'send' : 'sends'} again`;

export const wordings = {
  down: {
    state: 'MAIL DOWN',
    where: by,
    what: ({ server }) => `No host can hand mail to ${server}`,
    quoted: 'Seen',
    consequence: 'Refused mail is not queued here. It must be sent again.',
    over: send,
  },
  refused: {
    state: 'MAIL REFUSED',
    where: by,
    what: ({ server }, who) => `${server} refuses mail from ${who}`,
    quoted: 'Server said',
    consequence: 'Refused mail is not queued here. It must be sent again.',
    over: send,
  },
  bounced: {
    state: 'MAIL RETURNED',
    where: by,
    what: ({ server }, who) => `${server} takes mail from ${who} and returns it`,
    quoted: 'Server said',
    consequence: 'Returned mail must be sent again.',
    over: send,
  },
  lost: {
    state: 'MAIL LOST',
    where: to,
    what: ({ mailbox }, who) => `Mail from ${who} is accepted and does not arrive in mailbox ${mailbox}`,
    quoted: 'Seen',
    consequence: 'Lost mail must be sent again.',
    over: send,
  },
  queued: {
    state: 'MAIL LATE',
    where: to,
    what: (_, who) => `Mail from ${who} was called lost and has arrived`,
    quoted: 'Seen',
    consequence: 'Late mail has arrived. What has not arrived is not known to be lost.',
    over: send,
  },
  late: {
    state: 'MAIL LATE',
    where: on,
    what: (_, who) => `Mail from ${who} arrives late`,
    quoted: 'Seen',
    consequence: 'Late mail has arrived. Nothing must be sent again.',
    over: ({ many }) => `${many ? 'arrive' : 'arrives'} in time again`,
  },
  junked: {
    state: 'MAIL IN JUNK',
    where: to,
    what: ({ mailbox }, who) => `Mail from ${who} arrives in the Junk folder of mailbox ${mailbox}`,
    quoted: 'Seen',
    consequence: 'It has arrived. Nothing must be sent again.',
    over: ({ many }) => `${many ? 'arrive' : 'arrives'} outside Junk again`,
  },
  altered: {
    state: 'MAIL CHANGED',
    where: to,
    what: ({ mailbox }, who) => `Attachments from ${who} arrive changed in mailbox ${mailbox}`,
    quoted: 'Seen',
    consequence: 'It has arrived, and not as it was sent.',
    over: ({ many }) => `${many ? 'arrive' : 'arrives'} unchanged again`,
  },
  elsewhere: {
    state: 'WRONG ADDRESS',
    where: on,
    what: (_, who) => `Mail from ${who} leaves from an address that is not its own`,
    quoted: 'Seen',
    consequence: 'It has arrived, and proves another machine than the one that is meant.',
    over: ({ many }) => `${many ? 'send' : 'sends'} from their own address again`,
  },
  relayed: {
    state: 'OPEN RELAY',
    where: by,
    what: ({ server }) => `${server} takes mail from strangers to strangers`,
    quoted: 'Server said',
    consequence: 'No mail is lost by it; spammers will find it within hours.',
    over: () => 'refuses strangers again',
  },
  unauthenticated: {
    state: 'SENDER NOT PROVEN',
    where: to,
    what: ({ mailbox }, who) => `Nothing proves the sender of mail from ${who} in mailbox ${mailbox}`,
    quoted: 'Seen',
    consequence: 'It has arrived here. Other receivers may refuse it or put it into Junk.',
    over: ({ many }) => `${many ? 'arrive' : 'arrives'} with a proven sender again`,
  },
  moved: {
    state: 'MAIL MOVED',
    where: to,
    what: ({ mailbox }, who) => `A rule moves mail from ${who} in mailbox ${mailbox} to a folder that is not read`,
    quoted: 'Seen',
    consequence: 'It has arrived. It is found only after the time in which it would be called lost.',
    over: ({ many }) => `${many ? 'are' : 'is'} where they are read again`,
  },
  unsent: {
    state: 'NOT SENT',
    where: on,
    what: (_, who) => `No test mail was sent from ${who}`,
    quoted: 'Our sender said',
    consequence: 'Whether mail from there works is not known.',
    over: ({ many }) => `${many ? 'are' : 'is'} watched again`,
  },
} as const satisfies { [kind: string]: Wording };

const noAnswer: ReadonlySet<Cause> = new Set(['connect-refused', 'connect-timeout', 'unreachable', 'dns-failed']);

const isWorded = (finding: string): finding is keyof typeof wordings => Object.hasOwn(wordings, finding);

/** The wording that fits most of an incident's routes; a server that answers nobody is down. */
export const wordingOf = (
  { finding, cause, answeredBy }: Incident,
  routes: readonly Affected[],
  scene: Scene,
): Wording => {
  if (finding !== 'failing' && isWorded(finding)) return wordings[finding];
  if (routes.length > 0 && routes.every((route) => route.verdict === 'relayed')) return wordings.relayed;
  if (routes.length > 0 && routes.every((route) => route.verdict === 'unauthenticated'))
    return wordings.unauthenticated;
  if (routes.length > 0 && routes.every((route) => route.cause === 'queued-not-lost')) return wordings.queued;
  const count = (verdict: Affected['verdict']) => routes.filter((route) => route.verdict === verdict).length;
  const [lost, bounced, refused] = [count('lost'), count('bounced'), count('refused')];
  if (lost > refused && lost >= bounced) return wordings.lost;
  if (bounced > refused) return wordings.bounced;
  const all = scene.many && scene.hosts.length === scene.whole;
  return all && answeredBy !== undefined && noAnswer.has(cause) ? wordings.down : wordings.refused;
};
