/** Whether anything stands for the sender of a mail, by what the mailbox's own server found (RFC 8601, RFC 7489). */
import type { Authentication, AuthResult } from './words.ts';

/** The check was made, and the mail or the sender's own records did not hold. */
const failed: readonly (AuthResult | undefined)[] = ['fail', 'softfail', 'permerror', 'policy'];

/**
 * What the results come to. DMARC decides where it decides: it has the domain of From, which people see. Else one pass of
 * SPF or DKIM is enough, and one failure counts only when no other check was kept from its answer (`temperror`): that one
 * might have passed. What says neither (none, neutral, words that we do not know, nothing at all) is no bad news.
 */
export const standing = (authentication: Authentication | undefined): 'pass' | 'fail' | 'unknown' => {
  const { spf, dkim, dmarc } = authentication ?? {};
  if (dmarc === 'pass' || dmarc === 'fail') return dmarc;
  const others = [spf, dkim];
  if (others.includes('pass')) return 'pass';
  if ([...others, dmarc].includes('temperror')) return 'unknown';
  return [...others, dmarc].some((result) => failed.includes(result)) ? 'fail' : 'unknown';
};

/** "SPF fail, DKIM none, DMARC fail": what was found, without what was not looked at. */
export const failedWords = ({ spf, dkim, dmarc }: Authentication): string =>
  [
    ['SPF', spf],
    ['DKIM', dkim],
    ['DMARC', dmarc],
  ]
    .flatMap(([what, result]) => (result === undefined ? [] : [`${what} ${result}`]))
    .join(', ') || 'no result';
