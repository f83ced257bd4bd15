/** What providers publish of the mailboxes that they host: how much one may receive, and over how many connections it may be read. */
import type { Settings } from './schema.ts';

/** What a provider publishes of one mailbox. A figure that it does not publish is not made up: there is none. */
export type MailboxProvider = {
  readonly who: string;
  readonly isHost: (imapHost: string) => boolean;
  readonly perMinute?: number;
  readonly perHour?: number;
  readonly perHourFromOne?: number;
  /** IMAP connections of one account at one time. */
  readonly connections?: number;
};

const named =
  (...hosts: readonly string[]) =>
  (host: string) =>
    hosts.includes(host);

/**
 * Looked up in November 2026.
 * Microsoft 365: learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits#receiving-limits
 * (from one sender a third of it; a rolling hour); connections: blogs.msdn.com/b/exchangedev/archive/2011/06/23/exchange-online-throttling-and-limits-faq.aspx.
 * Google: support.google.com/a/answer/1366776 (86,400 a day, which the hour implies; beyond it nothing is received "typically for
 * about 24 hours"); connections: support.google.com/mail/answer/7126229.
 * Zoho: www.zoho.com/mail/help/adminconsole/rates-and-limits.html.
 * Fastmail, Yahoo and iCloud publish what an account may send; of receiving we found no figure.
 */
const providers: readonly MailboxProvider[] = [
  {
    who: 'Microsoft 365',
    isHost: named('outlook.office365.com'),
    perHour: 3_600,
    perHourFromOne: 1_200,
    connections: 20,
  },
  {
    who: 'Gmail',
    isHost: named('imap.gmail.com', 'imap.googlemail.com'),
    perMinute: 60,
    perHour: 3_600,
    connections: 15,
  },
  { who: 'Zoho', isHost: (host) => /^imap(pro)?\.zoho\.[a-z]{2,3}(\.[a-z]{2})?$/.test(host), perMinute: 100 },
  { who: 'Fastmail', isHost: named('imap.fastmail.com') },
  { who: 'Yahoo', isHost: named('imap.mail.yahoo.com') },
  { who: 'iCloud', isHost: named('imap.mail.me.com') },
];

/** The provider of an IMAP host, if we know it. */
export const providerOf = (imapHost: string): MailboxProvider | undefined =>
  providers.find(({ isHost }) => isHost(imapHost.toLowerCase()));

/** Mailboxes of one account share what it may do: `a+1@` and `a+2@` lie in one inbox. */
export const accountOf = ({ imap, auth }: Settings['bounces'][string]): string =>
  `${imap.host.toLowerCase()} ${auth.user.toLowerCase()}`;
