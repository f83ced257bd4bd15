/** An endpoint after the protocol with one flaw that can be chosen: what each conformance check must find. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { sign, signAnswer } from '../../lambdas/paths/http/sign.ts';

/** Each flaw, and the one check that must find it. */
export const flaws = {
  'takes requests without a signature': 'unsigned',
  'looks only at the form of a signature': 'forged',
  'takes a signature of another method': 'forged',
  'takes a signature of another path': 'forged',
  'takes a signature of another time': 'forged',
  'takes a signature of any age': 'old',
  'takes a signature of any future': 'future',
  'answers GET': 'method',
  'answers PUT': 'method',
  'takes a body of any size': 'oversized',
  'breaks on what is no JSON': 'no-json',
  'takes JSON that is no object': 'no-json',
  'takes line breaks': 'injection',
  'takes lists of addresses': 'injection',
  'takes any header': 'injection',
  'sends in the name of any host': 'other-host',
  'does not know its name': 'other-host',
  'does not sign its name': 'signed-answer',
  'signs its name for any request': 'signed-answer',
  'refuses fields of later versions': 'unknown-field',
  'sends to anybody': 'foreign-recipient',
  'says nothing of the mail': 'sends',
  'hides the error of the mailer': 'sends',
  'sends again what it has sent': 'replay',
  'refuses what it has sent': 'replay',
} as const satisfies Record<string, string>;

export type Flaw = keyof typeof flaws;

type Answer = readonly [status: number, body: Readonly<Record<string, unknown>>];

const known = ['host', 'id', 'from', 'to', 'subject', 'messageId', 'headers', 'text'];

const read = async (req: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

/** Answers as web-03; `mailer` says what came of a mail. */
export const flawedEndpoint = (secret: string, recipient: string, flaw?: Flaw): RequestListener => {
  const has = (one: Flaw) => flaw === one;
  const answers = new Map<string, Answer>();

  const isSigned = (req: IncomingMessage, body: string): boolean => {
    const timestamp = Number(req.headers['x-mail-canary-timestamp']);
    const given = req.headers['x-mail-canary-signature'];
    const age = Date.now() / 1000 - timestamp;
    if (age > 300 && !has('takes a signature of any age')) return false;
    if (age < -300 && !has('takes a signature of any future')) return false;
    if (given === undefined) return has('takes requests without a signature');
    if (has('looks only at the form of a signature')) return /^v1=[0-9a-f]{64}$/.test(String(given));
    const { method = '', url = '' } = req;
    const path = url;
    const right = { method, path, timestamp, body };
    const accepted = [
      right,
      ...(has('takes a signature of another method') ? [{ ...right, method: 'PUT' }] : []),
      ...(has('takes a signature of another path') ? [{ ...right, path: `${path.split('?')[0]}/elsewhere` }] : []),
      ...(has('takes a signature of another time') ? [{ ...right, timestamp: timestamp - 60 }] : []),
    ];
    return accepted.some((one) => sign(secret, one) === given);
  };

  const faultIn = (mail: Readonly<Record<string, unknown>>): boolean => {
    const { to, from, headers } = mail;
    const lines = ['subject', 'messageId', 'from'].map((name) => mail[name]).concat(Object.values(Object(headers)));
    const breaks = lines.some((line) => typeof line !== 'string' || /[\r\n]/.test(line));
    const lists = [to, from].some((one) => typeof one !== 'string' || /[,;]/.test(one));
    const others = Object.keys(Object(headers)).some((name) => !/^(x-mail-canary|auto-submitted)$/i.test(name));
    const unknown = Object.keys(mail).some((name) => !known.includes(name));
    return (
      (breaks && !has('takes line breaks')) ||
      (lists && !has('takes lists of addresses')) ||
      (others && !has('takes any header')) ||
      (unknown && has('refuses fields of later versions'))
    );
  };

  const send = (id: string): Answer => {
    const before = answers.get(id);
    if (before !== undefined && has('refuses what it has sent')) return [429, { error: 'again' }];
    if (before !== undefined && !has('sends again what it has sent')) return before;
    const answer: Answer = has('says nothing of the mail')
      ? [200, { ok: true }]
      : has('hides the error of the mailer')
        ? [500, { error: 'something went wrong' }]
        : [200, { state: 'sent', queueId: randomUUID() }];
    answers.set(id, answer);
    return answer;
  };

  const answerTo = (body: string): Answer => {
    let mail: Record<string, unknown>;
    try {
      mail = JSON.parse(body);
    } catch {
      return has('breaks on what is no JSON') ? [500, { error: 'SyntaxError' }] : [400, { error: 'no JSON' }];
    }
    if (typeof mail !== 'object' || mail === null || Array.isArray(mail))
      return has('takes JSON that is no object') ? [403, { error: 'recipient' }] : [400, { error: 'no object' }];
    if (faultIn(mail)) return [400, { error: 'a field' }];
    if (mail.host !== 'web-03' && !has('sends in the name of any host'))
      return [421, { host: has('does not know its name') ? 'localhost' : 'web-03' }];
    if (mail.to !== recipient && !has('sends to anybody')) return [403, { error: 'recipient' }];
    return send(String(mail.id));
  };

  const answer = async (req: IncomingMessage): Promise<Answer> => {
    if (req.method === 'GET') return has('answers GET') ? [200, { state: 'sent' }] : [405, { error: 'only POST' }];
    if (req.method !== 'POST' && !has('answers PUT')) return [405, { error: 'only POST' }];
    const body = await read(req);
    if (body.length > 16_384 && !has('takes a body of any size')) return [413, { error: 'too large' }];
    return isSigned(req, body) ? answerTo(body) : [401, { error: 'signature' }];
  };

  return async (req, res) => {
    const [status, told] = await answer(req);
    const body = JSON.stringify(told);
    const requestSignature = has('signs its name for any request')
      ? ''
      : String(req.headers['x-mail-canary-signature']);
    const signature = signAnswer(secret, { status, requestSignature, body });
    const headers = has('does not sign its name') ? {} : { 'x-mail-canary-signature': signature };
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
};
