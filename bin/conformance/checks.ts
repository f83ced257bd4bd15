/** What an endpoint of the `http` path must do (README, the protocol): one list, a row for each rule with the requests that show it. */
import { verifyAnswer } from '../../lambdas/paths/http/sign.ts';
import { bodyOf, type Exchange, type Facts, fieldsOf, nobody, otherHost, type Probe, toldBy } from './requests.ts';

/** Undefined: this rule cannot be judged by that answer. */
export type Judgement = boolean | undefined;

export type Check = {
  readonly id: string;
  readonly rule: string;
  readonly expected: string;
  /** What to change in an endpoint that does not. */
  readonly change: string;
  /** Only with a canary that may be sent. */
  readonly sends?: true;
  readonly probes: (facts: Facts) => readonly Probe[];
  readonly judge: (exchange: Exchange, facts: Facts, others: readonly Exchange[]) => Judgement;
};

const status =
  (...allowed: readonly number[]) =>
  ({ answer }: Exchange): Judgement =>
    answer.state === 'answered' && allowed.includes(answer.status);

const spoken = ({ answer }: Exchange): boolean => {
  if (answer.state !== 'answered') return false;
  const told = toldBy(answer);
  return answer.status === 200
    ? told.state === 'sent'
    : answer.status === 502 && told.state === 'failed' && typeof told.error === 'string';
};

/** What is remembered of an answer: the application's own failures are counted anew. */
const remembered = ({ answer }: Exchange): string => {
  if (answer.state !== 'answered') return '';
  const { failures: _, ...told } = toldBy(answer);
  return JSON.stringify([answer.status, told]);
};

export const checks: readonly Check[] = [
  {
    id: 'unsigned',
    rule: 'a request without a signature is refused',
    expected: '401',
    change:
      'answer 401 where X-Mail-Canary-Signature or X-Mail-Canary-Timestamp is missing, before anything else is read',
    probes: (facts) => [{ what: 'no signature', body: bodyOf(facts), signature: null }],
    judge: status(401),
  },
  {
    id: 'forged',
    rule: 'a signature holds for one secret, method, path, time and body',
    expected: '401',
    change:
      'compare the whole signature, made from the five lines of the protocol over the bytes of the body as they came, in constant time',
    probes: (facts) => {
      const body = bodyOf(facts);
      return [
        { what: 'made with another secret', body, secret: `${facts.random()} is another secret` },
        { what: 'made for another body', body, signed: { body: bodyOf(facts) } },
        { what: 'made for another path', body, signed: { path: `${facts.url.pathname}/elsewhere` } },
        { what: 'made for another method', body, signed: { method: 'PUT' } },
        { what: 'made for another time', body, signed: { timestamp: facts.now - 60 } },
      ];
    },
    judge: status(401),
  },
  {
    id: 'old',
    rule: 'a signature ends after five minutes',
    expected: '401',
    change: 'compare X-Mail-Canary-Timestamp with the clock: more than 300 seconds before it is 401',
    probes: (facts) => [{ what: 'ten minutes old', body: bodyOf(facts), timestamp: facts.now - 600 }],
    judge: status(401),
  },
  {
    id: 'future',
    rule: 'a signature of the future is refused',
    expected: '401',
    change: 'compare X-Mail-Canary-Timestamp with the clock: more than 300 seconds after it is 401',
    probes: (facts) => [{ what: 'ten minutes ahead', body: bodyOf(facts), timestamp: facts.now + 600 }],
    judge: status(401),
  },
  {
    id: 'method',
    rule: 'only POST sends',
    expected: '405, 404 or 501',
    change: 'answer 405 to every method but POST',
    probes: (facts) =>
      ['GET', 'PUT'].map((method) => ({ what: method, method, body: method === 'GET' ? '' : bodyOf(facts) })),
    judge: status(405, 404, 501),
  },
  {
    id: 'oversized',
    rule: 'a body that is too large is refused',
    expected: '413, or the connection is closed',
    change:
      'stop reading after 16 KB, or what larger canaries need, and answer 413; --largest says how much the endpoint takes',
    probes: (facts) => [
      { what: 'one byte more than it takes', body: bodyOf(facts, { text: 'x'.repeat(facts.largest + 1) }) },
    ],
    judge: ({ answer }) => answer.state === 'none' || answer.status === 413,
  },
  {
    id: 'no-json',
    rule: 'a body that is no JSON object is refused',
    expected: '400',
    change: 'answer 400 where the body cannot be read as a JSON object, instead of failing',
    probes: () => ['{', '[]', 'null', '"text"', ''].map((body) => ({ what: JSON.stringify(body), body })),
    judge: status(400),
  },
  {
    id: 'injection',
    rule: 'no field leads to other headers or recipients',
    expected: '400',
    change:
      'refuse line breaks in every field but text, more than one plain address in from and to, and every header but X-Mail-Canary and Auto-Submitted, before anything else of the mail is looked at',
    probes: (facts) =>
      [
        ['a line break in the subject', { subject: `canary\r\nBcc: ${nobody}` }],
        ['a line break in the sender', { from: `mail-canary@example.invalid\r\nBcc: ${nobody}` }],
        ['a line feed in the Message-ID', { messageId: `<a@example.invalid>\nBcc: ${nobody}` }],
        ['two senders', { from: `mail-canary@example.invalid, ${nobody}` }],
        ['two recipients', { to: `${nobody}, other@example.invalid` }],
        ['a header of its own', { headers: { Bcc: nobody } }],
        ['a line break in a header', { headers: { 'X-Mail-Canary': `a\r\nBcc: ${nobody}` } }],
        ['a recipient that is no text', { to: [nobody] }],
      ].map(([what, changed]) => ({ what: String(what), body: bodyOf(facts, Object(changed)) })),
    judge: status(400),
  },
  {
    id: 'other-host',
    rule: 'who is asked in the name of another host says its own name and sends nothing',
    expected: '421 with its own name in "host"',
    change:
      'compare "host" with the id of this host in mail-canary.yaml; where it differs, answer 421 { "host": OWN ID }; or --host is not that id',
    probes: (facts) => [{ what: 'another host', body: bodyOf(facts, { host: otherHost }) }],
    judge: ({ answer }, facts) =>
      answer.state === 'answered' && answer.status === 421 && toldBy(answer).host === facts.host,
  },
  {
    id: 'signed-answer',
    rule: 'an answer that names a host is signed',
    expected: '421 with X-Mail-Canary-Signature',
    change:
      'sign the answer: HMAC-SHA256 over v1, answer, the status, the signature of the request and the SHA-256 of the body of the answer, joined by line feeds; "through: balancer" believes no other',
    probes: (facts) => [{ what: 'another host', body: bodyOf(facts, { host: otherHost }) }],
    judge: ({ answer, signature }, facts) =>
      answer.state === 'answered' && answer.status === 421
        ? verifyAnswer(facts.secret, { ...answer, requestSignature: signature }, answer.signature)
        : undefined,
  },
  {
    id: 'unknown-field',
    rule: 'fields that it does not know are ignored',
    expected: 'the same as without them',
    change: 'read the fields of the protocol and ignore others: later versions add some',
    probes: (facts) => {
      const fields = { ...fieldsOf(facts), host: otherHost };
      return [
        { what: 'without', body: JSON.stringify(fields) },
        { what: 'with "future"', body: JSON.stringify({ ...fields, future: { of: 'mail' } }) },
      ];
    },
    judge: ({ answer }, _facts, [first]) =>
      answer.state === 'answered' && (first === undefined || status(answer.status)(first)),
  },
  {
    id: 'foreign-recipient',
    rule: 'it sends only to addresses of its own list',
    expected: '403 or 400',
    change:
      'keep a list of recipients on the host, and answer 403 to every other: the signature alone must not make it a relay',
    probes: (facts) => [{ what: `to ${nobody}`, body: bodyOf(facts) }],
    // By another name it is not asked at all: other-host says so.
    judge: (exchange) => (status(421)(exchange) ? undefined : status(403, 400)(exchange)),
  },
  {
    id: 'sends',
    sends: true,
    rule: 'it sends, and says what came of it',
    expected: '200 { "state": "sent" }, or 502 { "state": "failed", "error" } in the words of the mailer',
    change:
      'answer 200 only when the mailer took the mail, and 502 with its error and the reply of the server otherwise',
    probes: ({ mail }) => [{ what: 'a canary', body: JSON.stringify(mail) }],
    judge: spoken,
  },
  {
    id: 'replay',
    sends: true,
    rule: 'an id that comes again gets the same answer and sends no second mail',
    expected: 'the answer of the first time (that no second mail was sent shows the mailbox)',
    change: 'remember the answer to each id for an hour, and look there before sending',
    probes: ({ mail }) => [{ what: 'the same canary', body: JSON.stringify(mail) }],
    judge: (exchange, _facts, others) => {
      const first = others.find(({ probe }) => probe.body === exchange.probe.body);
      return first !== undefined && spoken(first) ? remembered(first) === remembered(exchange) : undefined;
    },
  },
];
