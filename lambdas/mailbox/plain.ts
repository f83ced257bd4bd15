/** Reports that are a text for people: how each system begins it, and the line behind which it returns the mail. */

/**
 * The sentences with which mail systems begin, a row each; at the beginning of a line. Nobody quotes one there who was not
 * returned a mail, except people, and theirs are not the headers that lead here.
 */
const openings: readonly RegExp[] = [
  /^Hi\. This is the .{1,80} at /m, // qmail and its like (QSBMF), Apache James
  /^This message was created automatically by mail delivery software/m, // Exim, GMX, 1&1, Mail.ru
  /^A message that you sent (?:could not be|has not yet been) delivered/m, // Exim
  /^Delivery to the following recipients? (?:failed|has been delayed)/m, // Gmail until 2016, Microsoft SMTP service
  /^\*\* (?:Address not found|Message (?:not delivered|blocked)|Delivery incomplete) \*\*/m, // Gmail
  /^\s{0,20}Delivery has failed to these recipients or (?:distribution lists|groups)/m, // Exchange 2007 and later
  /^\s{0,20}Your message to .{1,320} could(?: not|n.{1,3}t) be delivered/m, // Microsoft 365
  /^\s{0,20}Diagnostic information for administrators:/m, // Exchange
  /\bdid not reach the following recipient\(s\)/, // Exchange 5.5 to 2003
  /^Your message did not reach some or all of the intended recipients/m, // hMailServer, Outlook
  /^was not delivered to:/m, // Lotus Domino
  /^\s{0,20}-{3,} The following addresses had (?:permanent|transient|delivery)/m, // Sendmail, MDaemon
  /^\s{0,20}-{3,} (?:Transcript of session follows|Session Transcript) -{3,}/m, // Sendmail, MDaemon
  /^This is the mail system at host /m, // Postfix, Zimbra
  /^\s{0,20}This is the MAILER-DAEMON, please DO NOT REPLY/m, // OpenSMTPD
  /^Sorry, we were unable to deliver your message/m, // Yahoo
  /^Message from [\w.-]{1,100}\.\s*$/m, // Yahoo, older
  /^Unable to deliver message to /m, // MailFoundry and others
  /^This report relates to a message you sent with the following header fields/m, // Oracle, iPlanet
  /^Could not deliver message to the following recipient/m, // SmarterMail
  /^(?:Unknown user|Unknown host|User mailbox exceeds allowed size|Delivery failed \d{1,4} attempts?): /m, // IMail
  /^Your message could not be sent\./m, // SurfControl
  /^The following message to <.{1,320}> was undeliverable/m, // Cisco (IronPort)
  /^Failed to deliver to /m, // CommuniGate Pro
  /^This is an automatically generated Delivery Status Notification/m, // Gmail, Microsoft SMTP service
  /^An error occurred while trying to deliver the mail to the following recipients/m, // SES
];

/** Texts of a server that still tries. */
const waits =
  /has not yet been delivered|has been delayed|THIS IS A WARNING MESSAGE ONLY|has not been delivered yet|will (?:keep|continue) (?:trying|to try|to be)|still (?:being )?(?:trying|retried)/i;

/** Lines behind which the returned mail begins, each alone in its line. */
const separator = new RegExp(
  `^(?:${[
    '-{3} Below this line is a copy of the message\\.',
    '(?:-{3} )?Original message follows\\.',
    '-{3,} (?:Original|Unsent|Returned|Undelivered) (?:message|mail)(?: follows)? -{3,}',
    '-{3,} Message headers? follows? -{3,}',
    "-{3,} This is a copy of (?:the|your) message(?:, including all the headers|'s headers)\\. -{3,}",
    '-{3,} The header of the original message is following\\. -{3,}',
    'Original message headers:?',
    'Below is a copy of the original message:',
    '-- The header and top \\d{1,3} lines of the message follows? --',
  ].join('|')})$`,
  'i',
);

/** True when a text begins as one of those systems begins. */
export const isKnownText = (text: string): boolean => {
  const near = text.slice(0, 16_000);
  return openings.some((opening) => opening.test(near));
};

/** Whether the server has given up, or still tries. */
export const says = (text: string): 'failed' | 'delayed' => (waits.test(text.slice(0, 4000)) ? 'delayed' : 'failed');

/**
 * Cuts such a text at the line behind which the mail comes back. A text that does not begin as one of them stays whole:
 * the line alone is what anybody may quote.
 */
export const cutReturned = (text: string): readonly [said: string, returned: string | undefined] => {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.length < 200 && separator.test(line.trim()));
  const said = lines.slice(0, at).join('\n');
  if (at < 0 || !isKnownText(said)) return [text, undefined];
  // Exim goes on for a line or two about how much of the message it returns.
  const rest = lines.slice(at + 1);
  const begin = rest.findIndex((line) => line.trim() !== '' && !/^-{3,}/.test(line));
  return [said, begin < 0 ? undefined : rest.slice(begin).join('\n')];
};
