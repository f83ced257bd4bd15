/**
 * The endpoint that a web application offers to Mail Canary: it checks who asks, and sends the canary with the application's
 * own nodemailer transport. Copy this file; it needs nothing but Node. The protocol is in the README of Mail Canary.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** How far the clocks of the monitor and this host may be apart. */
const mostSkew = 5 * 60;
/** How long an id is remembered, and how many at most: longer than a signature can be used. */
const rememberFor = 60 * 60;
const rememberMost = 10_000;
const allowedHeaders = ['x-mail-canary', 'auto-submitted'];

/** @typedef {{ status: number, body: Record<string, unknown> }} Answer */

const hmac = (/** @type {string} */ secret, /** @type {(string | number)[]} */ ...lines) =>
  `v1=${createHmac('sha256', secret).update(lines.join('\n')).digest('hex')}`;
const sha256 = (/** @type {string | Buffer} */ bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * @param {object} options
 * @param {string} options.host The id of this host as the monitor knows it.
 * @param {string} options.secret Shared with the monitor.
 * @param {{ sendMail: (mail: any) => Promise<any>, options?: any }} options.transport The application's own nodemailer transport.
 * @param {readonly string[]} options.recipients The only addresses that canaries may go to.
 * @param {string} [options.from] The only sender that is accepted; default: whatever the monitor asks for.
 * @param {number} [options.perMinute] New mails per recipient and minute, on average.
 * @param {number} [options.mostBody] Bytes of a request: a canary needs about two thousand, one with `size: 5 MB` about 7,000,000.
 * @param {string} [options.path] The path that the monitor calls, where a proxy on the way changes it.
 * @param {() => number} [options.now] Milliseconds since 1970.
 * @returns {((req: any, res: any, next?: (error?: unknown) => void) => void) & { countFailure: () => void, counting: <T extends { sendMail: Function }>(transport: T) => T }}
 * A handler for `node:http` and Express. Failures of the application's own mails are counted by calling `countFailure`, or
 * by sending through `counting(transport)`; the next answer tells the monitor how many there were.
 */
export const mailCanaryHandler = ({
  host,
  secret,
  transport,
  recipients,
  from,
  perMinute = 1,
  mostBody = 16 * 1024,
  path,
  now = Date.now,
}) => {
  if (!host || !secret) throw new TypeError('mailCanaryHandler needs a host and a secret');
  /** Answers by id: a request that comes again gets the same answer and sends no second mail. @type {Map<string, { at: number, answer: Promise<Answer> }>} */
  const answers = new Map();
  /** New mails that a recipient may get at once. @type {Map<string, { at: number, left: number }>} */
  const recent = new Map();
  /** The application's own mails that failed since the last answer; undefined until somebody counts. @type {number | undefined} */
  let failures;

  const isSigned = (/** @type {any} */ req, /** @type {Buffer} */ body) => {
    const timestamp = String(req.headers['x-mail-canary-timestamp'] ?? '');
    if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now() / 1000 - Number(timestamp)) > mostSkew) return false;
    // Express cuts the mount point off `url`; what was signed is the path in the request line.
    const target = path ?? req.originalUrl ?? req.url;
    const expected = Buffer.from(hmac(secret, 'v1', req.method, target, timestamp, sha256(body)));
    const given = Buffer.from(String(req.headers['x-mail-canary-signature'] ?? ''));
    return given.length === expected.length && timingSafeEqual(given, expected);
  };

  const sendMail = async (/** @type {any} */ mail, /** @type {string} */ to) => {
    const server = transport.options?.host;
    const { name: filename, type: contentType, base64: content } = mail.attachment ?? {};
    try {
      const info = await transport.sendMail({
        from: mail.from,
        to,
        envelope: { from: mail.from, to: [to] },
        subject: mail.subject,
        messageId: mail.messageId,
        headers: mail.headers,
        text: mail.text,
        ...(content && { attachments: [{ filename, contentType, content, encoding: 'base64' }] }),
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const queueId = /queued as ([\w.-]+)/i.exec(String(info?.response))?.[1];
      return { status: 200, body: { state: 'sent', response: info?.response, queueId, server } };
    } catch (error) {
      // The monitor must hear of it: an exception that nobody hears of is what it was installed against.
      const { message, response, originalCode, code } = /** @type {any} */ (error);
      return {
        status: 502,
        body: { state: 'failed', error: String(message), response, server, code: originalCode ?? code },
      };
    }
  };

  const answerTo = (/** @type {any} */ mail) => {
    const refuse = (status, error) => Promise.resolve({ status, body: { error } });
    const wrong = faultOf(mail);
    if (wrong !== undefined) return refuse(400, wrong);
    if (mail.host !== host) return Promise.resolve({ status: 421, body: { host } });
    const to = recipients.find((recipient) => recipient.toLowerCase() === mail.to.toLowerCase());
    if (to === undefined) return refuse(403, 'this recipient is not in the list of this endpoint');
    if (from !== undefined && mail.from !== from) return refuse(403, 'this sender is not the one of this endpoint');

    const at = now() / 1000;
    for (const [id, known] of answers) {
      if (at - known.at < rememberFor && answers.size < rememberMost) break;
      answers.delete(id);
    }
    const known = answers.get(mail.id);
    if (known !== undefined) return known.answer;
    // One a minute on average; one more at once, because canaries of two minutes may come a few seconds apart.
    const bucket = recent.get(to) ?? { at, left: perMinute + 1 };
    const left = Math.min(perMinute + 1, bucket.left + ((at - bucket.at) / 60) * perMinute);
    if (left < 1) return refuse(429, `no more than ${perMinute} a minute for one recipient`);
    recent.set(to, { at, left: left - 1 });
    const answer = sendMail(mail, to);
    answers.set(mail.id, { at, answer });
    return answer;
  };

  /** Every answer to a signed request is signed; what says nothing of mail to strangers has no signature to name. */
  const reply = (/** @type {any} */ res, { status, body }, signature = '') => {
    const told = 'state' in body && failures !== undefined && !res.destroyed ? Math.min(failures, 1e6) : undefined;
    if (told !== undefined) {
      failures = (failures ?? 0) - told;
      // What did not go out is told next time.
      res.once('close', () => {
        if (!res.writableFinished) failures = (failures ?? 0) + told;
      });
    }
    const text = JSON.stringify({ ...body, failures: told });
    res.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(signature && { 'x-mail-canary-signature': hmac(secret, 'v1', 'answer', status, signature, sha256(text)) }),
    });
    res.end(text);
  };

  const handler = (req, res, next) => {
    const refuse = (status, error) => reply(res, { status, body: { error } });
    if (req.method !== 'POST') return next === undefined ? refuse(405, 'only POST') : next();
    if (req.readableDidRead || req.readableEnded)
      return refuse(
        500,
        'the body was already read: mount mailCanaryHandler before body parsers such as express.json()',
      );
    /** @type {Buffer[]} */
    const chunks = [];
    let size = 0;
    req.on('error', () => {});
    req.on('data', (/** @type {Buffer} */ chunk) => {
      size += chunk.length;
      if (size <= mostBody) chunks.push(chunk);
    });
    req.once('end', () => {
      if (size > mostBody) return refuse(413, `a body has at most ${mostBody} bytes; larger canaries need mostBody`);
      const body = Buffer.concat(chunks);
      if (!isSigned(req, body))
        return refuse(401, 'the signature or its timestamp is wrong: compare secret, path and clock');
      const signature = String(req.headers['x-mail-canary-signature']);
      answerTo(parse(body)).then(
        (answer) => reply(res, answer, signature),
        () => refuse(500, 'the endpoint failed'),
      );
    });
  };
  const countFailure = () => {
    failures = (failures ?? 0) + 1;
  };
  const counting = (bare) => {
    failures ??= 0;
    const sendMail = (/** @type {any} */ mail, /** @type {any} */ done) => {
      if (done !== undefined)
        return bare.sendMail(mail, (/** @type {unknown[]} */ ...said) => {
          if (said[0]) countFailure();
          done(...said);
        });
      const sending = bare.sendMail(mail);
      sending.catch(countFailure);
      return sending;
    };
    return new Proxy(bare, { get: (target, name) => (name === 'sendMail' ? sendMail : Reflect.get(target, name)) });
  };
  return Object.assign(handler, { countFailure, counting });
};

const parse = (/** @type {Buffer} */ body) => {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
};

/** What is wrong with a request; a line break or an address list in a field would be a way to other headers and recipients. */
const faultOf = (/** @type {any} */ mail) => {
  if (typeof mail !== 'object' || mail === null || Array.isArray(mail)) return 'the body must be a JSON object';
  for (const name of ['host', 'id', 'from', 'to', 'subject', 'messageId', 'text'])
    if (typeof mail[name] !== 'string' || mail[name] === '') return `${name} must be a text`;
  for (const name of ['host', 'id', 'from', 'to', 'subject', 'messageId'])
    if (/[\u0000-\u001f\u007f]/.test(mail[name])) return `${name} must be one line`;
  for (const name of ['from', 'to'])
    if (!/^[^\s,;:<>()"@]+@[^\s,;:<>()"@]+$/.test(mail[name])) return `${name} must be one plain address`;
  const { headers } = mail;
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return 'headers must be an object';
  for (const [name, value] of Object.entries(headers)) {
    if (!allowedHeaders.includes(name.toLowerCase()))
      return 'only the headers X-Mail-Canary and Auto-Submitted are accepted';
    if (typeof value !== 'string' || /[\u0000-\u001f\u007f]/.test(value)) return 'every header must be one line';
  }
  const { attachment } = mail;
  if (attachment === undefined) return undefined;
  const { name, type, base64 } = Object(attachment);
  if (
    typeof name !== 'string' ||
    !/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) ||
    type !== 'application/octet-stream'
  )
    return 'attachment must have a plain file name and the type application/octet-stream';
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return 'attachment.base64 must be base64';
  return undefined;
};
