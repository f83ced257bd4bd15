/** The settings of the `http` path. */
import * as z from 'zod';
import { secretReference, tls } from '../../settings/types.ts';

const isUrl = (template: string): boolean => {
  // A label may stand for a port as well as for a name: a number is both.
  const url = URL.parse(template.replace(/\{host\.[^{}]+\}/g, '1'));
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === ''
  );
};

export const shape = {
  /** The endpoint on each host; a template. */
  url: z.string({ error: () => 'must be a URL such as "https://{host.address}/mail-canary"' }).refine(isUrl, {
    error: (issue) =>
      `must be an http or https URL without user and fragment, such as "https://{host.address}/mail-canary", got ${JSON.stringify(issue.input)}`,
  }),
  /** The name of the web site, where the URL names an address: for the certificate (SNI) and the Host header. */
  serverName: z.string().min(1).optional(),
  /** As for every path; only `ca` is meant here, the name is `serverName`. */
  tls: tls().pick({ ca: true }).optional(),
  /** Shared with the endpoint; signs every request. */
  secret: secretReference(),
};

export type HttpSettings = z.output<z.ZodObject<typeof shape>>;
