/** The mail server products that we know by their own words: what each calls its trust list and its other settings. */

type Row = {
  readonly name: string;
  /** In its banner, its EHLO reply or a refusal; no pattern of another product fits the same words. */
  readonly says: RegExp;
  /** Where it lists whom it relays for. */
  readonly trust: string;
  /** Where it says who may send as whom. */
  readonly sendAs: string;
  /** Where it limits the size of a mail. */
  readonly size: string;
};

/** In the order in which they are looked for: what is said more exactly comes first. */
export const products = {
  microsoft365: {
    name: 'Microsoft 365',
    says: /\.outlook\.com\b|\boutlook\.office365\.com\b|\b(?:mail|smtp)\.office365\.com\b|tenant(?:inbound)?attribution\b|\baka\.ms\/smtp_auth_disabled\b|\bAS\(\d{5,12}\)/i,
    trust: 'SenderIPAddresses of the inbound connector (Exchange admin center > Mail flow > Connectors)',
    sendAs: 'the Send As permission of the mailbox',
    size: 'MaxReceiveSize and MaxSendSize of the mailbox',
  },
  ses: {
    name: 'SES',
    says: /\bSimpleEmailService\b|\b(?:email|inbound)-smtp\.[a-z0-9.-]{0,40}amazonaws\.com\b|\bAmazon SES\b|\bses:SendRawEmail\b|\bemail address is not verified\. the following identities\b|\bthrottling failure: /i,
    trust: 'the identity policy, the IAM policy of the SMTP user, and aws:SourceIp in either',
    sendAs: 'the identity policy, and ses:FromAddress in the IAM policy of the SMTP user',
    size: 'the message size quota of the account',
  },
  gmail: {
    name: 'Gmail',
    says: /\bgsmtp\b|\bsmtp(?:-relay)?\.gmail\.com\b|\bmx\.google\.com\b|\bsupport\.google\.com\/(?:mail|a)\/|\baccounts\.google\.com\b/i,
    trust: 'the allowed senders and IP addresses of the SMTP relay service (Admin console > Apps > Gmail > Routing)',
    sendAs: '"Send mail as" of the account',
    size: "Google's limit of 25 MB, which nobody can raise",
  },
  hmailserver: {
    name: 'hMailServer',
    says: /\bhMailServer\b|^250 Queued \(\d{1,9}\.\d{1,6} seconds\)|\bdelivery is not allowed to this address\b|^530 SMTP authentication is required\./im,
    trust:
      'its IP ranges: one of this single address that allows external to external (Settings > Advanced > IP Ranges)',
    sendAs: 'the IP range from which it logs in (Settings > Advanced > IP Ranges)',
    size: 'the maximum message size (Settings > Protocols > SMTP)',
  },
  opensmtpd: {
    name: 'OpenSMTPD',
    says: /\bOpenSMTPD\b/i,
    trust: 'the "match from src" rules of smtpd.conf',
    sendAs: '"senders" of the "listen" rule in smtpd.conf',
    size: 'max-message-size in smtpd.conf',
  },
  exim: {
    name: 'Exim',
    says: /^220[ -][^\r\n]{0,300}\bExim \d|^250 OK id=[0-9a-z]{6}-[0-9a-z]{6,11}-[0-9a-z]{2,4}\b|^550 relay not permitted\b|\bis currently not permitted to relay through\b|\bunrouteable address\b/im,
    trust: 'relay_from_hosts (Debian: dc_relay_nets)',
    sendAs: 'the ACLs of the submission port',
    size: 'message_size_limit',
  },
  exchange: {
    name: 'Exchange',
    says: /\bMicrosoft ESMTP MAIL Service ready\b|^250[ -]X-(?:EXPS|ANONYMOUSTLS)\b|\b5\.7\.\d{1,3} SMTP; |\b5\.7\.1 unable to relay$/im,
    trust: "the Receive connector's RemoteIPRanges, on every server",
    sendAs: "the Receive connector's permissions, or Send As of the mailbox",
    size: 'MaxMessageSize of the Receive connector, and Set-TransportConfig MaxReceiveSize',
  },
  postfix: {
    name: 'Postfix',
    says: /^220[ -][^\r\n]{0,300}\bPostfix\b|^250 2\.0\.0 Ok: queued as |: Relay access denied$|: (?:client host|recipient address|sender address|helo command) rejected: |\bclient host \[[0-9a-f.:]{2,45}\] blocked using\b/im,
    trust: 'mynetworks',
    sendAs: 'smtpd_sender_login_maps',
    size: 'message_size_limit',
  },
  sendmail: {
    name: 'Sendmail',
    says: /^220[ -][^\r\n]{0,300}\bSendmail\b|^[45]\d\d [45]\.\d{1,3}\.\d{1,3} [^\r\n]{0,320}\.\.\. (?:relaying|user unknown|domain of sender|domain name required)/im,
    trust: 'the access map (a line "Connect:" with the address and RELAY)',
    sendAs: 'the rulesets of sendmail.mc',
    size: 'confMAX_MESSAGE_SIZE in sendmail.mc',
  },
  qmail: {
    name: 'qmail',
    says: /^250 ok \d{6,12} qp \d{1,10}\b|\brcpthosts\b|\bbadmailfrom\b|^[45]\d\d sorry, [^\r\n]{0,300}\(#[45]\.\d\.\d/im,
    trust: 'tcp.smtp (a line with the address and RELAYCLIENT="")',
    sendAs: 'the checks of its SMTP AUTH patch',
    size: 'control/databytes',
  },
} as const satisfies Record<string, Row>;

export type Product = keyof typeof products;

/** What this server only repeats ("host mx.google.com said: 550-5.1.1 ... gsmtp"), and addresses, say nothing of it. */
const notItsOwn = /\b(?:host \S{1,255}(?: ?\[[0-9a-f.:]{2,45}\])? )?said: .*|<[^<>]{0,320}>/gis;

/**
 * The product behind a conversation; undefined when its words do not say, which is common: a banner can be changed.
 * Takes banner, EHLO reply and refusal, a line each or more; reads at most 4000 characters. The banner is believed first.
 */
export const productOf = (words: string): Product | undefined => {
  const text = words.slice(0, 4000).replace(notItsOwn, '');
  const names = Object.keys(products) as Product[];
  const found = (part: string) => names.find((name) => products[name].says.test(part));
  const [banner = ''] = text.split('\n', 1);
  return (banner.startsWith('220') ? found(banner) : undefined) ?? found(text);
};
