/** Every metric in the namespace `MailCanary`: unit, dimensions, and when it is emitted and when not. */
import type { Ms } from './words.ts';

export const namespace = 'MailCanary';

type Row = {
  readonly unit: 'Count' | 'Seconds' | 'Percent';
  /** The sets of dimensions under which each value is published, besides `Monitor`, which all have. */
  readonly dimensions: readonly (readonly string[])[];
  readonly emitted: string;
};

const everyRound = 'at the end of every round, zero included; not while confirm does not run';

export const metrics = {
  Canaries: {
    unit: 'Count',
    dimensions: [['Verdict'], ['Path', 'Mailbox', 'Verdict']],
    emitted:
      'once for each canary that got its verdict, with the time of its slot; not for a verdict that was corrected later',
  },
  DeliverySeconds: {
    unit: 'Seconds',
    dimensions: [[], ['Path', 'Mailbox']],
    emitted: 'for each canary that arrived: arrival at the mailbox minus sending; not for one that did not arrive',
  },
  AppMailFailures: {
    unit: 'Count',
    dimensions: [[], ['Path']],
    emitted:
      'with each canary whose web application said how many of its own mails failed since it was last asked, and that was not 0; not for applications that do not say',
  },
  Unauthenticated: {
    unit: 'Count',
    dimensions: [['Mailbox'], ['Path', 'Mailbox']],
    emitted:
      'for each canary that arrived without SPF, DKIM or DMARC to stand for its sender, as the trusted server found; not where none is trusted or it did not judge',
  },
  Corrections: {
    unit: 'Count',
    dimensions: [[]],
    emitted: 'once for each canary that arrived after another verdict was given; not when there was none',
  },
  Duplicates: {
    unit: 'Count',
    dimensions: [['Mailbox']],
    emitted: 'for each further mail with the id of a canary; not when there was none',
  },
  Forged: {
    unit: 'Count',
    dimensions: [['Mailbox']],
    emitted: 'for each mail that names our key and carries a wrong signature; not when there was none',
  },
  RoundsConfirmed: {
    unit: 'Count',
    dimensions: [[]],
    emitted: 'as the last point of every round that ended; missing when none ended',
  },
  IncidentsOpen: { unit: 'Count', dimensions: [['Severity']], emitted: everyRound },
  RoutesUnwatched: { unit: 'Count', dimensions: [[]], emitted: everyRound },
  RoutesFailing: { unit: 'Count', dimensions: [[]], emitted: everyRound },
  Routes: { unit: 'Count', dimensions: [[]], emitted: everyRound },
  MailboxesDark: { unit: 'Count', dimensions: [[]], emitted: everyRound },
  MailboxDark: { unit: 'Count', dimensions: [['Mailbox']], emitted: everyRound },
  MailboxUsedPercent: {
    unit: 'Percent',
    dimensions: [['Mailbox']],
    emitted:
      'the fullest resource of the mailbox (storage or messages), asked for once an hour; the last figure is repeated in every round, for a day at most where the server does not tell again; not where it never told',
  },
  CertificateDaysLeft: {
    unit: 'Count',
    dimensions: [['Server']],
    emitted:
      'days until the certificate expires that an IMAP server, or the server of an smtp path, showed within the last week, for the 50 servers whose certificates end first; in every round; not for servers without TLS',
  },
  CanariesSkipped: {
    unit: 'Count',
    dimensions: [[]],
    emitted: `canaries that a limit of ours kept from being planned since the last round; ${everyRound}`,
  },
} as const satisfies Record<string, Row>;

export type MetricName = keyof typeof metrics;

/** One datum: values with how often each occurred (CloudWatch `Values` and `Counts`, at most 150 unique values). */
export type Point = {
  readonly name: MetricName;
  /** All dimensions, `Monitor` included. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly at: Ms;
  readonly values: readonly number[];
  readonly counts: readonly number[];
};
