/** The part of a report that programs read (RFC 3464): what became of whom, and in which words. */
import type { Bounce } from '../core/words.ts';
import { type Field, first, parseFields } from './header.ts';
import { asHost, asWords } from './said.ts';

/** What a report says, however it is written. */
export type Said = {
  readonly state: 'failed' | 'delayed';
  readonly words?: string | undefined;
  /** The enhanced status code alone. */
  readonly status?: string | undefined;
} & Pick<Bounce, 'reportedBy' | 'envelopeId' | 'queueId'>;

const mostGroups = 200;

/** The groups of a delivery-status body: one about the message, then one per recipient (RFC 3464 2.1). */
const groupsOf = (body: string) => body.split(/\r?\n[ \t]*\r?\n/, mostGroups).map(parseFields);

/** "smtp; 550 5.1.1 …" and "dns; mx.example.com": the type before the semicolon says nothing to people. */
const untyped = (value: string | undefined): string | undefined => value?.replace(/^[a-z0-9-]{1,40}\s*;\s*/i, '');

/** What became of a recipient; where no action is given its status says it. "relayed" and "delivered" are neither. */
const actionOf = (group: readonly Field[]): string | undefined => {
  const action = first(group, 'Action')
    ?.toLowerCase()
    .split(/[\s(;]/)[0];
  if (action !== undefined) return action;
  const status = first(group, 'Status') ?? '';
  return status.startsWith('5.') ? 'failed' : status.startsWith('4.') ? 'delayed' : undefined;
};

/** Our envelope id is the canary's id; whatever else stands there is somebody's. */
const ourEnvelopeId = (value: string | undefined) =>
  value !== undefined && /^[bcdfghjklmnpqrstvwxz]{20}$/.test(value) ? value : undefined;

const asQueueId = (value: string | undefined) =>
  value !== undefined && /^[\w.-]{4,64}$/.test(value) ? value : undefined;

/** Reads a delivery-status body; undefined when nobody's mail failed or waits. Of several recipients a failed one speaks. */
export const readStatus = (body: string): Said | undefined => {
  const groups = groupsOf(body);
  const of = (action: string) => groups.find((group) => actionOf(group) === action);
  const failed = of('failed');
  const group = failed ?? of('delayed');
  if (group === undefined) return undefined;
  const anywhere = (name: string) => groups.map((one) => first(one, name)).find((value) => value !== undefined);
  const words = untyped(first(group, 'Diagnostic-Code'));
  return {
    state: failed === undefined ? 'delayed' : 'failed',
    words: words === undefined || words === '' ? undefined : asWords(words),
    status: first(group, 'Status')?.slice(0, 100),
    reportedBy: asHost(untyped(first(group, 'Remote-MTA'))) ?? asHost(untyped(anywhere('Reporting-MTA'))),
    envelopeId: ourEnvelopeId(anywhere('Original-Envelope-Id')),
    queueId: asQueueId(anywhere('X-Postfix-Queue-ID')),
  };
};
