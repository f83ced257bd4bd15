/** What SES says of canaries after it took them reaches the note function: configuration set, event destination, rule. */
import { Duration } from 'aws-cdk-lib';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { ConfigurationSet, EmailSendingEvent, EventDestination } from 'aws-cdk-lib/aws-ses';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { stackSet } from '../lambdas/paths/ses/settings.ts';

export type SesEventsProps = {
  readonly monitor: string;
  /** Reads the events (`notesOfSesEvent`). */
  readonly noteFunction: IFunction;
  /** Where an event goes that the function did not get. */
  readonly deadLetters: IQueue;
  /**
   * The configuration sets of the paths. The stack's own (`stackSet(monitor)`) is made; any other one exists, and its owner
   * decides whether it sends events to the default event bus.
   */
  readonly configurationSetNames: readonly string[];
};

/** The events that become notes: what SES calls them here, and the `detail-type` under which EventBridge brings them. */
export const sesEvents: readonly (readonly [event: EmailSendingEvent, detailType: string])[] = [
  [EmailSendingEvent.BOUNCE, 'Email Bounced'],
  [EmailSendingEvent.DELIVERY_DELAY, 'Email Delivery Delayed'],
  [EmailSendingEvent.REJECT, 'Email Rejected'],
  [EmailSendingEvent.RENDERING_FAILURE, 'Email Rendering Failed'],
];

/**
 * A hard bounce would put the canary's recipient on the account's suppression list, and silence every later canary: the
 * own set uses no list, and does not ask whether SES thinks the address good.
 */
const addStackSet = (scope: Construct, id: string, name: string): void => {
  const set = new ConfigurationSet(scope, id, {
    configurationSetName: name,
    disableSuppressionList: true,
    disableAutoValidation: true,
  });
  set.addEventDestination('Events', {
    destination: EventDestination.eventBus(EventBus.fromEventBusName(scope, `${id}Bus`, 'default')),
    events: sesEvents.map(([event]) => event),
  });
};

/** Adds a rule for each configuration set, and makes the stack's own. EventBridge is let in by the rule, and by nothing else. */
export function addSesEvents(scope: Construct, id: string, props: SesEventsProps): readonly Rule[] {
  const { monitor, noteFunction, deadLetters } = props;
  return [...new Set(props.configurationSetNames)].sort().map((name) => {
    const own = name === stackSet(monitor);
    if (own) addStackSet(scope, `${id}Set`, name);
    return new Rule(scope, own ? `${id}Rule` : `${id}RuleOf-${name}`, {
      description: `Mail Canary ${monitor}: what SES says of canaries sent with ${name}`,
      eventPattern: {
        source: ['aws.ses'],
        detailType: sesEvents.map(([, detailType]) => detailType),
        detail: {
          mail: {
            tags: {
              'ses:configuration-set': [name],
              // Other people's mail is sent with their set, too: its bounces are none of our business.
              ...(own ? {} : { 'mail-canary-monitor': [monitor] }),
            },
          },
        },
      },
      targets: [
        new LambdaFunction(noteFunction, {
          deadLetterQueue: deadLetters,
          retryAttempts: 2,
          // Later than that, the canary is judged.
          maxEventAge: Duration.minutes(15),
        }),
      ],
    });
  });
}
