/** The settings of the `http` path. */
import * as z from 'zod';
import { secretReference, size, tls } from '../../settings/types.ts';

const isUrl = (template: string): boolean => {
  // A label may stand for a port as well as for a name: a number is both.
  const url = URL.parse(template.replace(/\{host\.[^{}]+\}/g, '1'));
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === ''
  );
};

export const shape = {
  /** The endpoint on each host, a template; with `through: balancer` the one address of all. */
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
  /** The URL leads to a load balancer in front of the hosts: asked on new connections until the named host answers. */
  through: z
    .literal('balancer', {
      error: (issue) =>
        `must be "balancer", or left out where the URL leads to each host itself, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /** Bytes of an attachment. The endpoint must be told to take bodies of that size. */
  size: size().optional(),
};

export type HttpSettings = z.output<z.ZodObject<typeof shape>>;
