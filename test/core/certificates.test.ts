/** Certificates that servers showed: the newest counts, nothing is written without need, what is not seen for a week is forgotten. */
import { describe, expect, test } from 'vitest';
import { endingFirst } from '../../lambdas/core/brewing.ts';
import { certificatesNow, type Shown } from '../../lambdas/core/certificates.ts';
import type { StoredBatch } from '../../lambdas/core/items.ts';
import type { Certificate, Look } from '../../lambdas/core/words.ts';
import { minute, slot0 } from './fleet.ts';

const now = slot0 * minute;
const hour = 60 * minute;
const day = 24 * hour;
const certificate: Certificate = {
  server: 'imap.elsewhere.example:993',
  name: 'imap.elsewhere.example',
  names: ['imap.elsewhere.example'],
  from: now - 60 * day,
  until: now + 30 * day,
};
const smtp: Certificate = {
  ...certificate,
  server: 'mail-gw.example.com:587',
  name: 'mail-gw.example.com',
  names: ['mail-gw.example.com'],
};
const lookWith = (shown: Certificate | undefined): Look => ({
  state: 'looked',
  at: now,
  complete: true,
  mails: [],
  cursor: {},
  certificate: shown,
});
const batchWith = (shown: Certificate, sentAt = now): StoredBatch => ({
  slot: slot0,
  name: 'mta.0',
  path: 'mta',
  routes: ['web-01/mta/outside', 'web-02/mta/outside'],
  handovers: [
    { state: 'accepted', sentAt },
    { state: 'accepted', sentAt, certificate: shown },
  ],
});
const shown = (one: Certificate, seenAt: number): Shown => ({ ...one, seenAt });

describe('certificates', () => {
  test('of looks and of handovers are found and stored', () => {
    const { known, changed } = certificatesNow([], [lookWith(certificate)], [batchWith(smtp)], now);
    expect(known).toHaveLength(2);
    expect(changed).toEqual(known);
  });

  test('that are the same are written once an hour', () => {
    const before = [shown(certificate, now - hour + 1)];
    expect(certificatesNow(before, [lookWith(certificate)], [], now).changed).toEqual([]);
    const older = [shown(certificate, now - hour)];
    expect(certificatesNow(older, [lookWith(certificate)], [], now).changed).toEqual([shown(certificate, now)]);
  });

  test('that were renewed replace the old one, which was not shown for a while', () => {
    const renewed = { ...smtp, until: now + 90 * day };
    const { known } = certificatesNow([shown(smtp, now - day)], [], [batchWith(renewed, now - minute)], now);
    expect(endingFirst(known)).toEqual([shown(renewed, now - minute)]);
  });

  test('are forgotten a week after their server last showed one', () => {
    expect(certificatesNow([shown(smtp, now - 7 * day + 1)], [], [], now).known).toHaveLength(1);
    expect(certificatesNow([shown(smtp, now - 7 * day)], [], [], now).known).toEqual([]);
  });

  test('nothing is said of servers without TLS, or while a mailbox is dark', () => {
    const dark: Look = { state: 'dark', cause: 'connect-timeout', detail: 'no answer' };
    expect(certificatesNow([], [lookWith(undefined), dark], [], now)).toEqual({ known: [], changed: [] });
  });
});
