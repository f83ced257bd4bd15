/** Fields of the `auth` block that several kinds share. Every message says what may come. */
import * as z from 'zod';
import type { Ms } from '../../core/words.ts';
import { isTokenUrl } from '../../oauth/token-url.ts';

/** A login name as SASL takes it: OAUTHBEARER keeps commas and equals signs for itself (RFC 5801). */
export const user = () =>
  z
    .string({ error: (issue) => `must be the user name of the mailbox, got ${JSON.stringify(issue.input)}` })
    .regex(/^[^\u0000-\u001f\u007f,=]{1,320}$/, {
      error: (issue) =>
        `must be the user name of the mailbox, without commas, equals signs and control characters, got ${JSON.stringify(issue.input)}`,
    });

/** A text in plain characters, for what is shown to a token endpoint and is no secret. */
export const visible = (what: string) =>
  z
    .string({ error: (issue) => `must be ${what}, got ${JSON.stringify(issue.input)}` })
    .regex(/^[\x20-\x7e]{1,2000}$/, { error: () => `must be ${what}, in plain characters` });

const tokenUrlError =
  'must be the https URL of a token endpoint, such as "https://oauth2.googleapis.com/token" or "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"';

/** Where access tokens come from (RFC 6749 section 3.2). */
export const tokenUrl = () =>
  z
    .string({ error: (issue) => `${tokenUrlError}, got ${JSON.stringify(issue.input)}` })
    .refine(isTokenUrl, { error: (issue) => `${tokenUrlError}, got ${JSON.stringify(issue.input)}` });

/** A day's beginning in UTC, in milliseconds; undefined when there is no such day. */
const dayOf = (text: string): Ms | undefined => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text ? undefined : at;
};

const dayError = (issue: { input?: unknown }) =>
  `must be a day as YYYY-MM-DD, such as "2028-03-31", got ${JSON.stringify(issue.input)}`;

/** The day on which a credential ends. */
export const day = () => z.string({ error: dayError }).refine((text) => dayOf(text) !== undefined, { error: dayError });

/** When the credential `what` ends, by its day in the settings: with the beginning of that day. */
export const endOf = (
  what: string,
  text: string | undefined,
): { readonly what: string; readonly at: Ms } | undefined => {
  const at = text === undefined ? undefined : dayOf(text);
  return at === undefined ? undefined : { what, at };
};
