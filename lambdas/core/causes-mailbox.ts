/** Why a mailbox cannot be looked into, and what is found wrong with a mailbox that can: the mailboxes' part of the table of causes. */
import type { CauseRow } from './cause-row.ts';

export const mailboxCauses = {
  'imap-login-refused': {
    gently: true,
    meaning: 'the mailbox refuses our login',
    temporary: false,
    remedy: (k) =>
      `were the password, the user or the scope of mailbox ${k.mailbox} changed? Compare them and its secret; it is tried again after 1, 5, 15 and 60 minutes`,
  },
  'imap-disabled': {
    gently: true,
    meaning: 'IMAP is switched off for this mailbox',
    temporary: false,
    remedy: (k) =>
      `switch IMAP on for mailbox ${k.mailbox}: Microsoft 365 Set-CASMailbox -ImapEnabled $true, Google Workspace Apps > Gmail > End User Access, Exchange Set-CASMailbox and the IMAP4 services`,
  },
  'imap-password-disabled': {
    gently: true,
    meaning: 'the provider takes no password of the account over IMAP',
    temporary: false,
    remedy: (k) =>
      `make an app password for mailbox ${k.mailbox}, or give it an "auth" of kind oauth2, microsoft365 or google-workspace`,
  },
  'imap-consent-missing': {
    gently: true,
    meaning: 'the token is valid, and the mail server does not let it into this mailbox',
    temporary: false,
    remedy: (k) =>
      `finish the set-up in Exchange PowerShell: New-ServicePrincipal with the object id of the ENTERPRISE application, then Add-MailboxPermission for mailbox ${k.mailbox}; it takes up to an hour to hold. Or the mailbox has no licence, or IMAP is switched off for it`,
  },
  'token-refused': {
    gently: true,
    meaning: 'the refresh token was revoked or has expired',
    temporary: false,
    remedy: (k) => `consent once more as the owner of mailbox ${k.mailbox}, and store the new refresh token`,
  },
  'token-client-refused': {
    gently: true,
    meaning: 'the token endpoint refuses the application itself: its id, secret, certificate or key',
    temporary: false,
    remedy: (k) =>
      `compare client id and secret of mailbox ${k.mailbox} with the application at the provider, and the clock of this machine; a client secret ends after at most two years`,
  },
  'token-tenant-unknown': {
    gently: true,
    meaning: 'the token endpoint knows no such tenant',
    temporary: false,
    remedy: (k) => `correct "tenant" of mailbox ${k.mailbox}: the directory id of Microsoft Entra, or a domain of it`,
  },
  'token-consent-missing': {
    gently: true,
    meaning: 'nobody has allowed the application to read mail',
    temporary: false,
    remedy: (k) =>
      `let an administrator consent for mailbox ${k.mailbox}: Microsoft Entra IMAP.AccessAsApp, Google Workspace domain-wide delegation of https://mail.google.com/ to the client id of the service account`,
  },
  'token-unavailable': {
    meaning: 'the token endpoint does not answer, or not as it should',
    temporary: true,
    remedy: (k) =>
      `check that the monitor reaches the token endpoint of mailbox ${k.mailbox}; it is asked again by itself`,
  },
  'secret-unreadable': {
    meaning: 'the secret of the mailbox cannot be read',
    temporary: false,
    remedy: (k) => `check that the secret of mailbox ${k.mailbox} exists, and that the function may read it`,
  },
  'secret-ends': {
    meaning: 'a credential of the mailbox is about to expire',
    temporary: false,
    remedy: (k) =>
      `make a new one for mailbox ${k.mailbox}, store it, and correct its end date in the settings; after that date the mailbox is dark`,
  },
  'imap-search-failed': {
    meaning: 'the mailbox lets us in and refuses to search or fetch',
    temporary: true,
    remedy: (k) => `look into the log of the IMAP server of mailbox ${k.mailbox}`,
  },
  'imap-folder-gone': {
    meaning: 'a folder that must be read is not there',
    temporary: false,
    remedy: (k) => `check the folders of mailbox ${k.mailbox}`,
  },
  'looked-partly': {
    meaning: 'not every folder could be read to its end in this round',
    temporary: true,
    remedy: () => 'it goes on in the next round by itself; nothing is called lost until then',
  },
  'mailbox-not-ours': {
    meaning: "the mailbox holds much of somebody's mail",
    temporary: false,
    remedy: (k) =>
      `give the canaries a mailbox of their own, or say "shared: true" for mailbox ${k.mailbox} if it must be this one`,
  },
  'mailbox-filling': {
    meaning: 'the mailbox of the canaries is filling up',
    temporary: false,
    remedy: (k) =>
      `empty mailbox ${k.mailbox}, Trash and Sent Items included, or raise its quota: once it is full every host looks broken`,
  },
  'mailbox-read-only': {
    meaning: 'the mailbox may only be read, so canaries stay in it',
    temporary: false,
    remedy: (k) => `give the user of mailbox ${k.mailbox} the right to delete, or empty it by a rule of its own`,
  },
  'mailbox-keeps-mail': {
    meaning: 'the mail server does not delete our own mail',
    temporary: false,
    remedy: (k) => `exempt mailbox ${k.mailbox} from legal hold and retention, or watch how full it gets`,
  },
  'mailbox-clock': {
    meaning: "the clock of the mailbox's server is wrong: delivery times are taken from when a canary was seen",
    temporary: false,
    remedy: (k) => `let the IMAP server of mailbox ${k.mailbox} keep its time by NTP`,
  },
  'sender-unjudged': {
    meaning: 'canaries arrive without a verdict of the trusted server on SPF, DKIM and DMARC',
    temporary: false,
    remedy: (k) =>
      `compare "trustedAuthservId" of mailbox ${k.mailbox} with the first word of Authentication-Results in a canary (Microsoft 365 writes none: there it is protection.outlook.com), or take it out`,
  },
  'certificate-ends': {
    meaning: 'the certificate of a server is about to expire',
    temporary: false,
    remedy: (k) => `renew the certificate of ${k.answeredBy ?? 'the server'}, and have the server load it`,
  },
  'moved-by-rule': {
    meaning: 'canaries arrive, and a rule moves them to a folder that is not read',
    temporary: false,
    remedy: (k) => `exempt canaries from that rule of mailbox ${k.mailbox}, or name the folder in its "folders"`,
  },
  'marks-stripped': {
    meaning: 'a mail with the subject of the canary is there, and everything that would prove it ours is missing',
    temporary: false,
    remedy: (k) =>
      `let the gateway before mailbox ${k.mailbox} keep the header X-Mail-Canary or the Message-ID of canaries`,
  },
} as const satisfies Record<string, CauseRow>;
