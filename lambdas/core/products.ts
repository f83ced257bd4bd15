/** The mail server products that we know by their own words: what each calls its trust list, its log, its queue. */

export const products = {
  postfix: { name: 'Postfix' },
  exim: { name: 'Exim' },
  sendmail: { name: 'Sendmail' },
  qmail: { name: 'qmail' },
  exchange: { name: 'Exchange' },
  microsoft365: { name: 'Microsoft 365' },
  gmail: { name: 'Gmail' },
  ses: { name: 'SES' },
  opensmtpd: { name: 'OpenSMTPD' },
  hmailserver: { name: 'hMailServer' },
} as const satisfies Record<string, { readonly name: string }>;

export type Product = keyof typeof products;
