/** The story of the demo: what it says and does when the monitor finds something. It decides nothing about mail. */
import type { Confirmed } from '../lambdas/core/confirm.ts';
import type { IncidentEvent } from '../lambdas/core/incident.ts';
import type { Monitor } from '../lambdas/core/monitor.ts';
import { verdicts } from '../lambdas/core/words.ts';
import { pageOf } from '../lambdas/telling/page.ts';
import type { Screen } from './screen.ts';
import type { DemoHost } from './settings.ts';
import { relayName, type World } from './world.ts';

export type StoryOptions = {
  readonly show: Screen;
  readonly world: World;
  readonly monitor: Monitor;
  readonly addHost: (id: string, facts: Pick<DemoHost, 'services' | 'customers' | 'rack'>) => Promise<void>;
  readonly end: () => void;
};

/** The scenes, in order; each ends by something that the monitor found. */
type Scene = 'all well' | 'a new host' | 'the incident' | 'the fix' | 'the end';

/** Follows the rounds and tells the story. */
export const storyOf = ({ show, world, addHost, end }: StoryOptions) => {
  const { print, paint, title, tell, fact } = show;
  const begun = Date.now();
  let scene: Scene = 'all well';
  const arrived = new Set<string>();
  const shown = new Set<string>();
  const clock = () => `${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s`;

  const line = (route: string, good: boolean, text: string) =>
    print(
      `  ${paint('dim', clock())}  ${route.padEnd(20)} ${paint(good ? 'green' : 'red', `${good ? '✓' : '✗'} ${text}`)}`,
    );

  const toNewHost = async () => {
    scene = 'a new host';
    title('Somebody adds a web host. Nobody tells the mail team');
    tell(
      'web-03 starts and gets work: purchase orders and retractions. The monitor finds it and sends canaries through it:',
    );
    await addHost('web-03', { services: 'purchase-orders, retractions', customers: 'Acme, Globex', rack: 'b' });
  };

  const toFix = () => {
    scene = 'the fix';
    title('The fix');
    tell(
      `The mail team adds ${world.trusted('web-03')} to the trusted addresses of ${relayName}. The monitor sees by itself when mail works again: three canaries in a row must arrive.`,
    );
    world.trust('web-03');
  };

  return {
    begin: () => {
      title('Mail Canary: the outage that it exists for, on this machine');
      tell(
        `A company has web hosts, a mail server (${relayName}), and customers. The mail server takes mail for its own domain example.test from anybody. To other domains, such as supplier.test, it relays only for the addresses on its trust list.`,
      );
      tell(
        'Everything here is real: HTTP, SMTP and IMAP on the loopback interface, the real rounds of the monitor. A minute of the monitor takes one second.',
      );
      if (!world.ownAddresses)
        tell(
          'This system has only one loopback address, so the mail server tells the hosts apart by their names (EHLO) in place of their addresses.',
        );
      title('Two hosts, all well');
    },
    round: ({ settled }: Confirmed) => {
      for (const { route, judgement, handover } of settled) {
        const { verdict, took, answeredBy, evidence } = judgement;
        if (verdict === 'pending') continue;
        const good = verdicts[verdict].says === 'good';
        const key = `${route} ${verdict}`;
        if (good) arrived.add(route);
        if (scene === 'the fix' ? route.endsWith('outside') && route.startsWith('web-03') : !shown.has(key)) {
          const words = good
            ? `arrived after ${((took ?? 0) / 1000).toFixed(1)} s`
            : `${verdict} by ${answeredBy ?? handover?.answeredBy ?? 'its host'}: ${evidence ?? ''}`;
          line(route, good, words);
        }
        shown.add(key);
      }
      if (scene === 'all well' && arrived.size === 4) void toNewHost();
      if (
        scene === 'a new host' &&
        shown.has('web-03/app/inside delivered') &&
        shown.has('web-03/app/outside refused')
      ) {
        scene = 'the incident';
        tell('');
        tell(
          'This is the trap. The same host, the same mail server, the same minute: mail to the own domain arrives, mail to a supplier is refused. A test mail to oneself would have looked fine for a month. The monitor tries once more before it wakes anybody.',
        );
      }
    },
    told: (event: IncidentEvent) => {
      const { incident } = event;
      if (event.kind === 'closed') {
        title('Over');
        print(`  ${paint('green', pageOf(event, { timezone: 'UTC' }).title)}`);
        tell(`The incident ${incident.id} is closed: ${incident.ending}.`);
        scene = 'the end';
        end();
        return;
      }
      if (event.kind !== 'opened') return;
      title('The incident');
      tell(incident.summary);
      for (const text of incident.facts) fact(`· ${text}`);
      fact(`· server said: ${incident.evidence ?? 'nothing'}`);
      fact(`· affected: ${incident.services.join(', ')} for ${incident.customers.join(', ')}`);
      fact(`· next step: ${incident.remedy}`);
      title('The page, as on-call gets it');
      const page = pageOf(event, { timezone: 'UTC' });
      show.page([page.title, ...page.body]);
      toFix();
    },
    problem: (what: string, error: unknown) =>
      print(`  ! ${what} failed: ${error instanceof Error ? error.message : 'unknown error'}`),
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
