/** What a server's replies tell besides yes or no: its name, and the id under which its log knows the mail. */

const queueIds: readonly RegExp[] = [
  /\bqueued as ([\w.-]{4,64})/i, // Postfix, Haraka, rspamd, most others
  /\bid=([\w.-]{4,64})/i, // Exim
  /\bInternalId=(\d{1,32})/i, // Exchange
  /^250 2\.0\.0 OK +\d+ ([\w.-]{8,64}) - gsmtp/i, // Gmail
  /^250 2\.0\.0 OK (<[^<>\s]{8,200}>)/i, // Microsoft 365
  /^250 (?:2\.\d\.\d )?([\w.-]{6,64}) Message accepted for delivery/i, // Sendmail, OpenSMTPD
  /^250 ok \d{6,12} qp (\d{1,10})/i, // qmail
  /\bqueued \(([\w.-]{4,64})\)/i, // Haraka
  /^250 Ok ([0-9a-f]{8,}-[0-9a-f-]{8,80})$/i, // SES
];

/** The id under which the server queued the mail (RFC 5321 does not say where it stands, so each family has its row). */
export const queueIdIn = (reply: string): string | undefined => {
  const text = reply.slice(0, 500).replace(/\s+/g, ' ').trim();
  for (const pattern of queueIds) {
    const id = pattern.exec(text)?.[1];
    if (id !== undefined) return id;
  }
  return undefined;
};

// Every connection to Microsoft 365 is answered by another machine: under their own names no two refusals would be of one server.
const pools = /^[a-z0-9-]+\.((?:[a-z0-9-]+\.)*(?:outlook\.office365|protection\.outlook|prod\.outlook)\.com)$/;

/** The server's name as its 220 banner gives it, in lower case; undefined when the banner names nobody. */
export const serverIn = (banner: string): string | undefined => {
  const found = /^220[ -]([A-Za-z0-9][A-Za-z0-9._-]{0,253})(?: (E?SMTP)\b)?/.exec(banner);
  const name = found?.[1]?.toLowerCase().replace(/\.$/, '');
  if (name === undefined || /^e?smtp$/.test(name) || (!name.includes('.') && found?.[2] === undefined))
    return undefined;
  return pools.exec(name)?.[1] ?? name;
};

/** A banner behind which a firewall hides the server's own ("220 ****************0*2**": Cisco's SMTP inspection). */
export const isHidden = (banner: string): boolean => banner.includes('******') && /^220[ -][*02 \r\n]*$/.test(banner);

/** Extensions that a firewall struck out in an EHLO reply ("250-XXXXXXXA", the same product). */
export const isStruckOut = (ehlo: string): boolean => /^250[ -]X{4,60}[A-Z]?\r?$/m.test(ehlo);
