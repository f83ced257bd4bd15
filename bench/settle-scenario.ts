/** The mailbox of the settling benchmark: who sent what at which slot, the same for the server that holds it and the programs that read it. */
import { keyOf, mint } from '../lambdas/core/canary.ts';
import { mimeOf } from '../lambdas/core/mime.ts';
import type { RouteId } from '../lambdas/core/words.ts';
import { mailbox, sender } from './scenario.ts';

export const settlePrograms = ['settle-product', 'settle-bare'] as const;
export type SettleProgram = (typeof settlePrograms)[number];

/** What a program is given. */
export type SettleScenario = {
  readonly canaries: number;
  readonly slot: number;
  /** Canaries of the slot before, settled by an earlier round of the same process; 0 for none. */
  readonly earlier: number;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM file of the CA; the server speaks plain text without. */
  readonly ca?: string | undefined;
};

export const key = keyOf('bench');
export const minute = 60_000;

export const hostOf = (index: number): string => `web-${String(index + 1).padStart(5, '0')}`;
export const routeOf = (index: number): RouteId => `${hostOf(index)}/mta/outside`;
/** The canaries of one slot leave spread over most of a minute. */
export const sentAtOf = (slot: number, index: number): number => slot * minute + (index % 45) * 1000;

/** A canary as it lies in the mailbox, behind a relay and the mailbox's own server. */
export const arrived = (slot: number, index: number): string => {
  const sentAt = sentAtOf(slot, index);
  const date = (after: number) => new Date(sentAt + after).toUTCString().replace('GMT', '+0000 (UTC)');
  const mail = mint(routeOf(index), slot, sentAt, key, { from: sender, to: mailbox.address, autoSubmitted: true });
  return [
    `Return-Path: <${sender}>`,
    'Authentication-Results: mx.supplier.test; spf=pass smtp.mailfrom=example.test; dkim=none; dmarc=none',
    'Received: from mail-gw-2.example.test (mail-gw-2.example.test [203.0.113.2])',
    `\tby mx.supplier.test (Postfix) with ESMTPS id 4XyZ${index}; ${date(2000)}`,
    `Received: from ${hostOf(index)}.example.test (unknown [10.0.${index >> 8}.${index & 255}])`,
    `\tby mail-gw-2.example.test (Postfix) with ESMTP id 4XyY${index}; ${date(1000)}`,
    mimeOf(mail).toString('latin1'),
  ].join('\r\n');
};
