/** The story of the demo: what it says and does when the monitor finds something. It decides nothing about mail. */
import type { Confirmed } from '../lambdas/core/confirm.ts';
import type { IncidentEvent } from '../lambdas/core/incident.ts';
import type { Settled } from '../lambdas/core/settle.ts';
import { verdicts } from '../lambdas/core/words.ts';
import { pageOf } from '../lambdas/telling/page.ts';
import type { Screen } from './screen.ts';
import type { DemoHost } from './settings.ts';
import { relayName, type World } from './world.ts';

export type StoryOptions = {
  readonly show: Screen;
  readonly world: World;
  readonly addHost: (id: string, facts: Pick<DemoHost, 'services' | 'customers' | 'rack'>) => Promise<void>;
  readonly hostIds: () => readonly string[];
  readonly end: () => void;
};

/** The scenes, in order; each ends by something that the monitor found. */
type Scene = 'all well' | 'a new host' | 'a second try' | 'the fix' | 'the end';

const newHost = 'web-03';
const trap = [`${newHost}/app/inside`, `${newHost}/app/outside`];

/** A person needs a while to change a trust list; the monitor goes on meanwhile. */
const timeToFix = 4000;

/** Follows the rounds and tells the story. */
export const storyOf = ({ show, world, addHost, hostIds, end }: StoryOptions) => {
  const { print, paint, title, tell, fact } = show;
  const begun = Date.now();
  const context = () => ({ timezone: 'UTC', hostsOf: { app: hostIds() } });
  let scene: Scene = 'all well';
  /** The newest verdict of each route. */
  const last = new Map<string, Settled>();
  const events: IncidentEvent[] = [];

  const line = ({ route, judgement, handover }: Settled) => {
    const { verdict, took, answeredBy, evidence } = judgement;
    if (verdict === 'pending') return;
    const { says } = verdicts[verdict];
    const by = answeredBy ?? handover?.answeredBy ?? 'its host';
    const text =
      says === 'good'
        ? `✓ arrived after ${((took ?? 0) / 1000).toFixed(1)} s`
        : `✗ ${verdict} by ${by}: ${evidence ?? ''}`;
    const clock = `${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s`;
    print(`  ${paint('dim', clock)}  ${route.padEnd(20)} ${paint(says === 'good' ? 'green' : 'red', text)}`);
  };

  const problem = (what: string, error: unknown) =>
    print(`  ! ${what} failed: ${error instanceof Error ? error.message : 'unknown error'}`);

  const toNewHost = () => {
    scene = 'a new host';
    title('Somebody adds a web host. Nobody tells the mail team');
    tell(
      `${newHost} starts and gets work: purchase orders and retractions. The monitor finds it and sends canaries through it:`,
    );
    addHost(newHost, { services: 'purchase-orders, retractions', customers: 'Acme, Globex', rack: 'b' }).catch(
      (error: unknown) => problem(`starting ${newHost}`, error),
    );
  };

  const toSecondTry = () => {
    scene = 'a second try';
    for (const route of trap) {
      const settled = last.get(route);
      if (settled !== undefined) line(settled);
    }
    print();
    tell(
      'This is the trap. The same host, the same mail server, the same minute: mail to the own domain arrives, mail to a supplier is refused. A test mail to oneself would have looked fine for a month. The monitor tries once more before it wakes anybody:',
    );
  };

  const toFix = (event: IncidentEvent) => {
    scene = 'the fix';
    const { incident } = event;
    title('The incident');
    tell(incident.summary);
    for (const text of incident.facts) fact(`· ${text}`);
    fact(`· server said: ${incident.evidence ?? 'nothing'}`);
    fact(`· affected: ${incident.services.join(', ')} for ${incident.customers.join(', ')}`);
    fact(`· next step: ${incident.remedy}`);
    title('The page, as on-call gets it');
    const page = pageOf(event, context());
    show.page([page.title, ...page.body]);
    title('The fix');
    tell(
      `The mail team adds ${world.trusted(newHost)} to the trusted addresses of ${relayName}. After three refusals the monitor asks no more often than usual; it sees by itself when mail works again, and wants three canaries in a row to arrive.`,
    );
    setTimeout(() => world.trust(newHost), timeToFix).unref();
  };

  const toEnd = (event: IncidentEvent) => {
    scene = 'the end';
    title('Over');
    print(`  ${paint('green', pageOf(event, context()).title)}`);
    tell(`The incident ${event.incident.id} is closed: ${event.incident.ending}.`);
    end();
  };

  return {
    begin: () => {
      title('Mail Canary: the outage that it exists for, on this machine');
      tell(
        `A company has web hosts, a mail server (${relayName}), and customers. The mail server takes mail for its own domain example.test from anybody. To other domains, such as supplier.test, it relays only for the addresses on its trust list.`,
      );
      tell(
        'Everything here is real: HTTP, SMTP and IMAP on the loopback interface, the real rounds of the monitor. A minute of the monitor takes two seconds.',
      );
      if (!world.ownAddresses)
        tell(
          'This system has only one loopback address, so the mail server tells the hosts apart by their names (EHLO) in place of their addresses.',
        );
      title('Two hosts, all well');
    },
    round: ({ settled }: Confirmed) => {
      for (const one of settled) {
        const isNew = !last.has(one.route);
        last.set(one.route, one);
        if (scene === 'all well' ? isNew : scene !== 'a new host' && one.route === trap[1]) line(one);
      }
      if (scene === 'all well' && last.size === 4) toNewHost();
      if (scene === 'a new host' && trap.every((route) => last.has(route))) toSecondTry();
      for (const event of events.splice(0)) {
        if (event.kind === 'opened') toFix(event);
        if (event.kind === 'closed') toEnd(event);
      }
    },
    /** Incidents are told within a round; the story tells them after what the round settled. */
    told: (event: IncidentEvent) => void events.push(event),
    problem,
    finish: () => {
      if (scene !== 'the end') {
        print('\n  ended before the story was over');
        return;
      }
      title('Now with your own mail');
      tell('npm run check -- --settings mail-canary.yaml     one pass now, with an exit status');
      tell('npm run watch -- --settings mail-canary.yaml     the whole monitor on a machine of yours');
      tell('npm run synth                                    the CDK app for your AWS account');
      print();
    },
  };
};
