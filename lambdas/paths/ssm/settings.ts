/** The settings of the `ssm` path. */
import * as z from 'zod';
import type { Ms } from '../../core/words.ts';
import { port } from '../../settings/types.ts';

const got = (what: string) => ({
  error: (issue: { readonly input?: unknown }) => `must be ${what}, got ${JSON.stringify(issue.input)}`,
});

const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

export const shape = {
  /** What the host sends with: its own MTA, the relay that it uses, or SES with its own role. */
  via: z.enum(['sendmail', 'smtp', 'ses'], got('one of sendmail, smtp, ses')),
  /** The relay as the host reaches it, for `via: smtp`. No login: what a command carries is kept in the command's history. */
  relay: z
    .strictObject({
      host: z
        .string(got('a host name or an IPv4 address'))
        .max(253, got('a host name or an IPv4 address'))
        .regex(new RegExp(`^${label}(\\.${label})*$`), got('a host name or an IPv4 address')),
      port: port().default(25),
      tls: z.enum(['none', 'starttls'], got('one of none, starttls')).default('none'),
    })
    .optional(),
  /** The user of the host that sends, on Linux. Default: the agent's own, which is root. */
  runAs: z
    .string(got('the name of a user'))
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, got('the name of a user'))
    .optional(),
  /** The instance id of a host; a template. Default: the label "instance", else the host's own id where it is one. */
  instance: z.string(got('an instance id or a template such as "{host.labels.instance}"')).min(1).optional(),
  /** Only instances with all of these tags may be commanded: IAM allows no other. */
  tags: z
    .record(
      z.string().regex(/^[\w .:/=+@-]{1,128}$/, got('the key of a tag')),
      z.string(got('the value of a tag')).regex(/^[\w .:/=+@-]{0,256}$/, got('the value of a tag')),
      { error: () => 'must be the tags of the instances that may be commanded, such as "{ mail-canary: production }"' },
    )
    .refine((tags) => Object.keys(tags).length > 0, {
      error: () => 'must hold at least one tag: without one, every instance of the account could be commanded',
    }),
};

export type SsmSettings = z.output<z.ZodObject<typeof shape>>;

/** With what it reads of the fields that all paths share. */
export type SsmPath = SsmSettings & { readonly timeout?: Ms | undefined; readonly size?: number | undefined };
