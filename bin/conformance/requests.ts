/** What the conformance checks ask with: whom, as whom, and the parts of a request that are wrong on purpose. */
import type { Answer } from '../../lambdas/paths/http/exchange.ts';
import { type SignedRequest, sign } from '../../lambdas/paths/http/sign.ts';

/** Whom we ask, and as whom. */
export type Facts = {
  readonly url: URL;
  readonly secret: string;
  readonly host: string;
  /** Bytes of a body that the endpoint takes; one more must be refused. */
  readonly largest: number;
  /** A real canary in the form of the protocol, for `--send`. */
  readonly mail?: Readonly<Record<string, unknown>> | undefined;
  /** Text that no two runs and no two requests share. */
  readonly random: () => string;
  /** Seconds since 1970. */
  readonly now: number;
};

/** One request. `signed` replaces parts of what is signed; `signature` replaces the header (null: none). */
export type Probe = {
  readonly what: string;
  readonly method?: string;
  readonly body: string;
  readonly timestamp?: number;
  readonly secret?: string;
  readonly signed?: Partial<SignedRequest>;
  readonly signature?: null;
};

export type Answered = Extract<Answer, { state: 'answered' }>;

/** What was asked and what came, one for each probe of a check, and of those before it. */
export type Exchange = { readonly probe: Probe; readonly signature: string; readonly answer: Answer };

/** Reserved by RFC 2606: even an endpoint that sends to anybody sends to nobody. */
export const nobody = 'nobody@example.invalid';

/** The host that nobody is. */
export const otherHost = 'mail-canary-conformance-other-host';

/** The fields of a request that leads to no mail, whoever answers it. */
export const fieldsOf = ({ host, random }: Facts): Record<string, unknown> => ({
  host,
  id: `conformance-${random()}`,
  from: 'mail-canary@example.invalid',
  to: nobody,
  subject: 'Mail canary conformance test',
  messageId: `<${random()}@example.invalid>`,
  headers: { 'X-Mail-Canary': 'conformance' },
  text: 'This is a request that must not be sent.\n',
});

/** The same as the text of a body, with some of it changed. */
export const bodyOf = (facts: Facts, changed: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ ...fieldsOf(facts), ...changed });

/** `body` of an answer as an object; empty when it is none. */
export const toldBy = ({ body }: Answered): Readonly<Record<string, unknown>> => {
  try {
    const told: unknown = JSON.parse(body);
    return typeof told === 'object' && told !== null ? { ...told } : {};
  } catch {
    return {};
  }
};

/** The headers of a probe, and the signature among them. */
export const headersOf = (probe: Probe, facts: Facts): { headers: Record<string, string>; signature: string } => {
  const { method = 'POST', timestamp = facts.now, secret = facts.secret, body, signed } = probe;
  const path = facts.url.pathname + facts.url.search;
  const signature = probe.signature === null ? '' : sign(secret, { method, path, timestamp, body, ...signed });
  const headers = {
    'content-type': 'application/json',
    'x-mail-canary-host': facts.host,
    'x-mail-canary-timestamp': String(timestamp),
    ...(signature !== '' && { 'x-mail-canary-signature': signature }),
  };
  return { headers, signature };
};
