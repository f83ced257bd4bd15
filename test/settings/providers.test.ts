/** What known providers take: presets, and settings that would not fit. */
import { expect, test } from 'vitest';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';

const yaml = (hosts: number, { imap = 'imap.other.example', smtp = '"{host.address}"', every = '10 minutes' } = {}) => `
every: ${every}
mailboxes:
  outside:
    address: canary@other.example
    imap: { host: ${imap} }
    auth: { kind: password, user: canary, secret: env:PASSWORD }
paths:
  mta: { kind: smtp, host: ${smtp}, from: orders@example.com }
hosts:
${Array.from({ length: hosts }, (_, index) => `  - { id: web-${index}, address: 10.0.0.${index % 250}, paths: [mta] }`).join('\n')}
`;
const parse = (text: string) => parseSettings(text, 'mail-canary.yaml', 'local');

test('a mailbox that would get more from one sender than Microsoft 365 takes is refused, with what would fit', () => {
  expect(() => parse(yaml(200, { imap: 'outlook.office365.com' }))).not.toThrow();
  expect(() => parse(yaml(201, { imap: 'outlook.office365.com' }))).toThrow(
    'mailboxes.outside would get 1206 canaries an hour from orders@example.com, and Microsoft 365 takes 1200 from one sender: 2 mailboxes or a cadence 2 times slower would fit (mail-canary.yaml:4)',
  );
  expect(() => parse(yaml(201))).not.toThrow();
});

test('a path that would send more a day than its provider takes is refused, with what would fit', () => {
  expect(() => parse(yaml(13, { smtp: 'smtp.gmail.com' }))).not.toThrow();
  expect(() => parse(yaml(14, { smtp: 'smtp.gmail.com' }))).toThrow(
    'paths.mta would send 2016 canaries a day, and Gmail takes 2000 from one account: "every: 11 minutes" would fit (mail-canary.yaml:9)',
  );
});

test('a known provider presets perDay, and the settings may say less', () => {
  const perDay = (text: string) => monitorOf(parse(text).settings).paths.mta?.perDay;
  expect(perDay(yaml(1, { smtp: 'SMTP.office365.com' }))).toBe(10_000);
  expect(perDay(yaml(1))).toBeUndefined();
  expect(perDay(yaml(1, { smtp: 'smtp.gmail.com, perDay: 5' }))).toBe(5);
});
