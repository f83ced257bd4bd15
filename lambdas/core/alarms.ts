/** The alarms in CloudWatch: a fixed set that never changes with the fleet. What the rounds can judge is an incident instead. */
import type { MetricName } from './metrics.ts';

export type Alarm = {
  /** A metric of ours, or the faults of the functions. */
  readonly metric: MetricName | 'function faults';
  /** Dimensions besides `Monitor`. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: 'Maximum' | 'Sum';
  /** Seconds. */
  readonly period: number;
  readonly datapoints: readonly [alarm: number, of: number];
  readonly comparison: 'at least' | 'less than';
  readonly threshold: number;
  readonly missingData: 'ignore' | 'breaching' | 'notBreaching';
  /** Missing periods are filled with zeros by metric math: `breaching` alone does not ring after exactly N of them. */
  readonly fill?: 0;
  /** Minutes in which a fresh deployment stays quiet. */
  readonly warmUp?: number;
  readonly severity: 'page' | 'ticket';
  readonly means: string;
  readonly lookAt: string;
  readonly whatToDo: string;
};

export const alarms = {
  MailFails: {
    metric: 'IncidentsOpen',
    dimensions: { Severity: 'page' },
    statistic: 'Maximum',
    period: 60,
    datapoints: [1, 1],
    comparison: 'at least',
    threshold: 1,
    missingData: 'ignore',
    severity: 'page',
    means: 'at least one incident is open in which hosts cannot send mail',
    lookAt:
      "the incident: its event in EventBridge, or the log of the confirm function, names hosts, cause and the server's own words",
    whatToDo: 'follow the remedy of the incident; mail that was refused is not queued and must be sent again',
  },
  Attention: {
    metric: 'IncidentsOpen',
    dimensions: { Severity: 'ticket' },
    statistic: 'Maximum',
    period: 60,
    datapoints: [1, 1],
    comparison: 'at least',
    threshold: 1,
    missingData: 'ignore',
    severity: 'ticket',
    means: 'at least one finding is open that does not stop mail today: late, arrived in Junk, not sent by us',
    lookAt: 'the incident, as for MailFails',
    whatToDo: 'follow the remedy within working hours',
  },
  MonitorDead: {
    metric: 'RoundsConfirmed',
    dimensions: {},
    statistic: 'Sum',
    period: 60,
    datapoints: [5, 5],
    comparison: 'less than',
    threshold: 1,
    fill: 0,
    warmUp: 15,
    missingData: 'breaching',
    severity: 'page',
    means:
      'no round of confirm has ended for five minutes: nobody watches outgoing mail, and whether mail works is not known',
    lookAt: 'errors and duration of the confirm function, its schedule, the DynamoDB table, the CloudWatch API',
    whatToDo: 'until it is back, send one mail from any host by hand and see it arrive',
  },
  NotSending: {
    metric: 'RoutesUnwatched',
    dimensions: {},
    statistic: 'Maximum',
    period: 60,
    datapoints: [3, 3],
    comparison: 'at least',
    threshold: 1,
    missingData: 'ignore',
    severity: 'page',
    means:
      'routes have no settled verdict younger than twice their cadence plus lostAfter: if their mail fails, the monitor does not notice',
    lookAt: 'the plan and send functions, the send queue and its dead letters, pauses and limits (CanariesSkipped)',
    whatToDo: 'repair what keeps canaries from being sent; unsent verdicts carry the reason',
  },
  Blind: {
    metric: 'MailboxesDark',
    dimensions: {},
    statistic: 'Maximum',
    period: 60,
    datapoints: [3, 3],
    comparison: 'at least',
    threshold: 1,
    missingData: 'ignore',
    severity: 'page',
    means: 'a mailbox could not be read for three minutes: lost and late mail would not be noticed; refusals still are',
    lookAt:
      'the incident of severity note that names the mailbox, or the log of the confirm function: cause, words of the IMAP server, remedy',
    whatToDo:
      'follow the remedy of the cause; no host is blamed meanwhile, and canaries are settled when the mailbox is back',
  },
  Faults: {
    metric: 'function faults',
    dimensions: {},
    statistic: 'Sum',
    period: 300,
    datapoints: [2, 3],
    comparison: 'at least',
    threshold: 1,
    missingData: 'notBreaching',
    severity: 'ticket',
    means: 'functions of the monitor fail, are throttled, or leave dead letters',
    lookAt: 'the logs of the functions, and the dead-letter queue of the send queue',
    whatToDo:
      'a fault that does not repeat heals by itself, but dead letters ring until the queue is purged; one that repeats becomes NotSending or MonitorDead',
  },
} as const satisfies Record<string, Alarm>;

export type AlarmName = keyof typeof alarms;
