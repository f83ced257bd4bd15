/** The building blocks of the settings schema that kinds share. Every message says what may come. */
import ms from 'ms';
import * as z from 'zod';

const span =
  /^\s*\d+(\.\d+)?\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\s*$/i;

/** A span of time as people write it ("10 minutes", "90s"); parsed to milliseconds. */
export const duration = (bounds: { min?: string; max?: string } = {}) =>
  z
    .string({
      error: (issue) => `must be a duration such as "10 minutes" or "90 s", got ${JSON.stringify(issue.input)}`,
    })
    .transform((text, context) => {
      const value = span.test(text) ? ms(text.trim() as ms.StringValue) : Number.NaN;
      const { min = '1 ms', max = '400 days' } = bounds;
      if (Number.isFinite(value) && value >= ms(min as ms.StringValue) && value <= ms(max as ms.StringValue))
        return value;
      const what = Number.isFinite(value) ? `between ${min} and ${max}` : 'a duration such as "10 minutes" or "90 s"';
      context.addIssue({ code: 'custom', message: `must be ${what}, got ${JSON.stringify(text)}` });
      return z.NEVER;
    });

/** A reference to a secret; a literal secret is refused and never repeated in the message. */
export const secretReference = () =>
  z
    .string({
      error: (issue) =>
        `${issue.input === undefined ? 'is missing: ' : ''}must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME`,
    })
    .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|secretsmanager:[A-Za-z0-9/_+=.@:-]+|ssm:[A-Za-z0-9/_.-]+)$/, {
      error: () =>
        'must be a reference env:NAME, file:PATH, secretsmanager:NAME or ssm:NAME, never the secret itself (not shown)',
    });

const units = { kb: 1000, mb: 1_000_000, kib: 1024, mib: 1_048_576 } as const;

/** Bytes as people write them ("5 MB", "500 kB"), from 1 kB to 30 MB. */
export const size = () =>
  z
    .string({ error: (issue) => `must be a size such as "5 MB", got ${JSON.stringify(issue.input)}` })
    .transform((text, context) => {
      const [, number, unit = ''] = /^\s*(\d{1,6}(?:\.\d{1,3})?)\s*(kB|MB|KiB|MiB)\s*$/i.exec(text) ?? [];
      const bytes = Math.round(Number(number) * units[unit.toLowerCase() as keyof typeof units]);
      if (bytes >= 1000 && bytes <= 30_000_000) return bytes;
      const what = Number.isNaN(bytes) ? 'a size such as "5 MB"' : 'between 1 kB and 30 MB';
      context.addIssue({ code: 'custom', message: `must be ${what}, got ${JSON.stringify(text)}` });
      return z.NEVER;
    });

export const port = () =>
  z
    .int({ error: (issue) => `must be a port from 1 to 65535, got ${JSON.stringify(issue.input)}` })
    .min(1, { error: (issue) => `must be a port from 1 to 65535, got ${JSON.stringify(issue.input)}` })
    .max(65535, { error: (issue) => `must be a port from 1 to 65535, got ${JSON.stringify(issue.input)}` });

/** Trust and names for a TLS connection; certificates are always verified. */
export const tls = () =>
  z.strictObject({
    /** A private CA in PEM, as `file:PATH`; `NODE_EXTRA_CA_CERTS` works as well. */
    ca: z
      .string()
      .regex(/^file:.+/, { error: () => 'must be file:PATH of a PEM file' })
      .optional(),
    /** The name that the certificate must carry, when it is not the host. */
    serverName: z.string().min(1).optional(),
  });

/** An e-mail address as the settings take it (RFC 5321 mailbox without quoting, and without braces, which would be a placeholder that nobody fills). */
export const address = () =>
  z
    .string()
    .regex(
      /^[A-Za-z0-9.!#$%&'*+/=?^_`|~-]+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
      {
        error: (issue) => `must be an e-mail address, got ${JSON.stringify(issue.input)}`,
      },
    );
