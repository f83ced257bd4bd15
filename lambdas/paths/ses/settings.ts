/** The settings of the `ses` path, and what follows from them. */
import * as z from 'zod';
import { size } from '../../settings/types.ts';
import type { Need, PathMistake, SharedPathSettings } from '../kind.ts';

const domain = String.raw`[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+`;
// Without "*", "?" and "$", which mean something in an IAM policy.
const local = "[A-Za-z0-9.!#%&'+/=^_`|~-]+";
const identityForm = new RegExp(`^(${local}@)?${domain}$`);
const arnForm = new RegExp(String.raw`^arn:aws[a-z-]*:ses:[a-z0-9-]+:\d{12}:identity/(${local}@)?${domain}$`);

const identity = () =>
  z
    .string({ error: (issue) => `must be an e-mail address or a domain, got ${JSON.stringify(issue.input)}` })
    .max(320, { error: () => 'must be an e-mail address or a domain, got more than 320 characters' })
    .regex(identityForm, {
      error: (issue) =>
        `must be an e-mail address or a domain, without "*", "?" and "$", got ${JSON.stringify(issue.input)}`,
    });

export const shape = {
  /** The identity that SES has verified for `from`. Default: `from` itself or its domain, whichever is verified. */
  identity: identity().optional(),
  /** An identity of another account that lets ours send (sending authorization), in the same Region; in place of `identity`. */
  identityArn: z
    .string({ error: (issue) => `must be the ARN of an SES identity, got ${JSON.stringify(issue.input)}` })
    .regex(arnForm, {
      error: (issue) => `must be the ARN of an SES identity, got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /**
   * `stack`: the one that the stack makes, without a suppression list and with its events sent to us. Any other name: an
   * existing one, such as the application's. Default: none, or the one that the identity has as its default.
   */
  configurationSet: z
    .string({
      error: (issue) => `must be "stack" or the name of a configuration set, got ${JSON.stringify(issue.input)}`,
    })
    .regex(/^[A-Za-z0-9_-]{1,64}$/, {
      error: (issue) =>
        `must be "stack" or the name of a configuration set (letters, digits, "_", "-"), got ${JSON.stringify(issue.input)}`,
    })
    .optional(),
  /** Verified identities of the mailboxes: while its account is in the sandbox, SES asks IAM about the recipient as well. */
  recipientIdentities: z.array(identity()).optional(),
  /** Carries an attachment of this size. */
  size: size().optional(),
};

export type SesSettings = z.output<z.ZodObject<typeof shape>> & Pick<SharedPathSettings, 'from'>;

/** The configuration set that the stack of a monitor makes. */
export const stackSet = (monitor: string): string => `mail-canary-${monitor}`;

/** True when the path wants the configuration set that the stack makes. */
export const usesStackSet = (settings: Pick<SesSettings, 'configurationSet'>): boolean =>
  settings.configurationSet === 'stack';

/** The name of the configuration set that the path sends with. `monitor` may be a placeholder that is filled later. */
export const configurationSetOf = (
  settings: Pick<SesSettings, 'configurationSet'>,
  monitor: string,
): string | undefined => (usesStackSet(settings) ? stackSet(monitor) : settings.configurationSet);

const domainOf = (address: string): string => (address.split('@').at(-1) ?? '').toLowerCase();

/** The addresses that an identity covers: itself, or everything in its domain and below. */
const covers = (name: string, from: string): boolean =>
  name.includes('@')
    ? name.toLowerCase() === from.toLowerCase()
    : `.${domainOf(from)}`.endsWith(`.${name.toLowerCase()}`);

const ofAccount = (kind: 'identity' | 'configuration-set', name: string): string =>
  `arn:{partition}:ses:{region}:{account}:${kind}/${name}`;

/** Domains are compared in lower case; the local part of an address is kept as it is. */
const asNamed = (name: string): string => name.replace(/[^@]*$/, (text) => text.toLowerCase());

/**
 * What IAM is asked for SendRawEmail: the identity (the address if it is verified by itself, else the domain) and, where
 * there is one, the configuration set. The condition holds the sender to `from`, whatever the identity would cover.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html
 */
export const needsOf = (settings: SesSettings): readonly Need[] => {
  const { from, identity: given, identityArn, recipientIdentities = [] } = settings;
  const senders = given === undefined ? [asNamed(from), domainOf(from)] : [asNamed(given)];
  const identities = [
    ...(identityArn === undefined ? senders.map((name) => ofAccount('identity', name)) : [identityArn]),
    ...recipientIdentities.map((name) => ofAccount('identity', asNamed(name))),
  ];
  const set = configurationSetOf(settings, '{monitor}');
  const actions = ['ses:SendRawEmail'];
  return [
    { actions, resources: [...new Set(identities)], conditions: { StringEquals: { 'ses:FromAddress': from } } },
    // It opens nothing by itself: without an identity nothing is sent.
    ...(set === undefined ? [] : [{ actions, resources: [ofAccount('configuration-set', set)] }]),
  ];
};

/** Bytes of an attachment that in base64, with the rest of the mail, stay below the 10 MiB that SendRawEmail takes. */
export const mostAttached = 7_600_000;

/** Settings that parse and cannot work. */
export const mistakesOf = (settings: SesSettings): readonly PathMistake[] => {
  const { from, identity: given, identityArn, size: bytes = 0 } = settings;
  const owner = identityArn?.split(':identity/')[1] ?? given;
  return [
    ...(identityForm.test(from)
      ? []
      : [
          {
            key: 'from',
            message: `must not contain "*", "?" or "$" on a path of kind ses: IAM reads them as wildcards, got ${JSON.stringify(from)}`,
          },
        ]),
    ...(given !== undefined && identityArn !== undefined
      ? [{ key: 'identityArn', message: 'must not be given together with "identity": it names the identity itself' }]
      : []),
    ...(owner === undefined || covers(owner, from)
      ? []
      : [
          {
            key: identityArn === undefined ? 'identity' : 'identityArn',
            message: `must be of ${from}, its domain or a domain above it, got ${JSON.stringify(owner)}`,
          },
        ]),
    ...(bytes > mostAttached
      ? [
          {
            key: 'size',
            message: `must not be more than ${mostAttached / 1e6} MB: SendRawEmail takes mails of 10 MB, and base64 makes an attachment a third larger, got ${bytes / 1e6} MB`,
          },
        ]
      : []),
  ];
};
