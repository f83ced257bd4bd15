/** From a line that a step printed to a handover: what the relay said, what the host's own MTA said, what the host lacks. */
import type { Cause } from '../../core/causes.ts';
import { productOf } from '../../core/products.ts';
import { queueIdIn, serverIn } from '../../core/reading.ts';
import { asEvidence, classify, classifyCode, seenAsInGreeting, seenAsInRefusal } from '../../core/replies.ts';
import { type Handover, type Said, type Stage, stages } from '../../core/words.ts';
import type { SsmPath } from './settings.ts';

/** What a step says of a canary (begin.sh); `-` as id: of all canaries of the host. Its words are a stranger's. */
export type Line = {
  readonly id: string;
  readonly state: string;
  readonly stage: Stage | undefined;
  /** What the program ended with; the queue id on the host, where its MTA took the mail. */
  readonly code: string;
  readonly own: string;
  readonly banner: string;
  readonly ehlo: string;
  readonly words: string;
};

/** Reads one line of output; undefined for any other text. */
export const lineOf = (text: string): Line | undefined => {
  const [mark, id = '', state = '', stage, code = '', own = '', banner = '', ehlo = '', ...words] = text
    .slice(0, 2000)
    .replace(/\r$/, '')
    .split('\t');
  if (mark !== 'mc1' || !/^([a-z]{20}|-)$/.test(id)) return undefined;
  const known = stages.find((one) => one === stage);
  return { id, state, stage: known, code, own, banner, ehlo, words: words.join(' ') };
};

/** The words of resolvers, sockets and TLS libraries, as curl, Python, bash, .NET and MTAs print them. */
const troubles: readonly (readonly [RegExp, string])[] = [
  [
    /not resolve|be resolved|service not known|name resolution|NameResolution|no such host|HostNotFound|Host or domain name not found/i,
    'ENOTFOUND',
  ],
  [/connection ?refused/i, 'ECONNREFUSED'],
  [/no route to host|unreachable/i, 'EHOSTUNREACH'],
  [/certificate (has )?expired/i, 'CERT_HAS_EXPIRED'],
  [
    /hostname mismatch|not match|no alternative certificate|RemoteCertificateNameMismatch/i,
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ],
  [/self[- ]signed|local issuer|certificate/i, 'UNABLE_TO_VERIFY'],
  [/timed ?out|timeout/i, 'ETIMEDOUT'],
  [
    /reset by peer|ConnectionReset|broken pipe|ended the connection|connection closed|lost connection|empty reply/i,
    'ECONNRESET',
  ],
  [/\b(ssl|tls)\b|handshake/i, 'EPROTO'],
];
const troubleIn = (words: string): string | undefined => troubles.find(([pattern]) => pattern.test(words))?.[1];

/** The steps put the lines of a longer reply side by side. */
const unfold = (words: string): string => {
  const code = /^[245]\d\d(?=-)/.exec(words)?.[0];
  return code === undefined ? words : words.replace(new RegExp(` (?=${code}[- ])`, 'g'), '\n');
};

/** A relay's reply inside the words of an MTA: "(host mail-gw[10.0.0.5] said: 554 5.7.1 … (in reply to RCPT TO command))". */
const repliesIn = /(?:said: |: |\(|")([245]\d\d[ -][^"]{3,})/;
const verbs: Readonly<Record<string, Stage>> = {
  EHLO: 'ehlo',
  HELO: 'ehlo',
  MAIL: 'mail',
  RCPT: 'rcpt',
  DATA: 'data',
  end: 'body',
};

type Quoted = {
  readonly reply?: string | undefined;
  readonly stage?: Stage | undefined;
  readonly server?: string | undefined;
};
const quotedIn = (words: string): Quoted => {
  const reply = repliesIn
    .exec(words)?.[1]
    ?.replace(/ \(in reply to .{0,60}$/, '')
    .replace(/\)+ *$/, '');
  const stage = verbs[/\(in reply to (\w{3,4})/.exec(words)?.[1] ?? ''];
  const server = /\b(?:relay=|host |H=|to )([A-Za-z0-9.-]{1,253}) ?\[/.exec(words)?.[1]?.toLowerCase();
  return { reply, stage, server };
};

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3})$/i.test(host);
const orNothing = (text: string): string | undefined => (text === '' ? undefined : text);

/** What the relay, or SES, said: `via: smtp` and `via: ses`. */
const ofServer = ({ via, relay }: SsmPath, base: Said, line: Line): Said => {
  if (via === 'ses') return { ...base, answeredBy: 'ses', product: 'ses', ownServer: false };
  const called = relay === undefined ? undefined : `${relay.host}:${relay.port}`;
  const seenAs = seenAsInRefusal(unfold(line.words)) ?? seenAsInGreeting(line.ehlo, '');
  return {
    ...base,
    stage: line.stage,
    answeredBy: serverIn(line.banner) ?? (line.stage === 'dns' ? undefined : called),
    product: productOf([line.banner, line.ehlo, line.words].join('\n')),
    ownServer: relay !== undefined && isLoopback(relay.host),
    leftFrom: /^[0-9a-f.:]{2,45}$/i.test(line.own) ? line.own : undefined,
    seenAs,
  };
};

/** A program that ended without a reply of a server. */
const withoutReply = (settings: SsmPath, base: Said, line: Line): Handover => {
  const { words, code } = line;
  const said = ofServer(settings, base, line);
  if (settings.via === 'ses') {
    const trouble = troubleIn(words);
    const cause = classify(words).cause;
    const byCode = cause === 'unknown' ? classifyCode(trouble) : undefined;
    return { state: 'refused', ...said, cause: byCode ?? cause, temporary: cause === 'throttled' };
  }
  // curl's code for a server that does not offer the TLS that is wanted.
  if (code === '64') return { state: 'refused', ...said, cause: 'tls-required', temporary: false };
  const trouble = troubleIn(words) ?? (/^(28|124|143)$/.test(code) ? 'ETIMEDOUT' : undefined);
  if (trouble === 'ENOTFOUND')
    return { state: 'refused', ...said, answeredBy: undefined, stage: 'dns', cause: 'dns-failed', temporary: false };
  const late: Cause = line.stage === 'connect' ? 'connect-timeout' : 'timeout-at-stage';
  const cause = trouble === 'ETIMEDOUT' ? late : classifyCode(trouble);
  if (cause === undefined) return { state: 'unsent', ...base, cause: 'sender-failed', stage: line.stage };
  return { state: 'refused', ...said, cause, temporary: false };
};

/** What the host's own MTA wrote in its log or its queue of a mail that it has taken. */
const ofMta = (host: string, base: Said, line: Line, waits: boolean): Handover => {
  const { words } = line;
  const { reply, stage, server } = quotedIn(words);
  const relay: Said = {
    ...base,
    stage,
    answeredBy: server,
    ownServer: server === undefined,
    queueId: orNothing(line.code),
  };
  if (!waits && /status=sent|stat=Sent| => /.test(words))
    return {
      state: 'claimed',
      ...relay,
      evidence: asEvidence(reply ?? words),
      queueId: (reply && queueIdIn(reply)) ?? relay.queueId,
    };
  const seenAs = reply === undefined ? undefined : seenAsInRefusal(reply);
  const cause = reply === undefined ? undefined : classify(reply).cause;
  if (waits || /status=deferred|stat=(Deferred|queued)| == /.test(words)) {
    const evidence = asEvidence(`it waits in the queue of ${host} itself: ${reply ?? words}`);
    return {
      state: 'refused',
      ...relay,
      seenAs,
      evidence,
      cause: cause ?? classifyCode(troubleIn(words)) ?? 'queued-on-host',
      temporary: true,
    };
  }
  const own = cause ?? classifyCode(troubleIn(words)) ?? classify(words).cause;
  return { state: 'refused', ...relay, seenAs, evidence: asEvidence(reply ?? words), cause: own, temporary: false };
};

/** What a line says, for a canary that was sent at that time by that command. */
export const handoverOf = (
  settings: SsmPath,
  host: string,
  told: Pick<Said, 'sentAt' | 'command'>,
  line: Line,
): Handover => {
  const { state, words, code } = line;
  const base: Said = { ...told, evidence: orNothing(asEvidence(unfold(words))) };
  const bySendmail = settings.via === 'sendmail';
  const own: Said = { ...base, ownServer: true };
  const refusedWith = (reply: string): Handover => ({
    state: 'refused',
    ...(bySendmail ? own : ofServer(settings, base, line)),
    seenAs: seenAsInRefusal(reply) ?? seenAsInGreeting(line.ehlo, ''),
    ...classify(reply),
  });
  switch (state) {
    case 'sent': {
      if (bySendmail) return { state: 'claimed', ...own, queueId: orNothing(code) };
      const said = ofServer(settings, base, line);
      return {
        state: 'claimed',
        ...said,
        queueId: settings.via === 'ses' ? orNothing(words.trim()) : queueIdIn(words),
      };
    }
    case 'refused':
      return refusedWith(unfold(words));
    case 'logged':
      return ofMta(host, base, line, false);
    case 'queued':
      return ofMta(host, base, line, true);
    case 'failed': {
      if (!bySendmail) return withoutReply(settings, base, line);
      // msmtp, ssmtp and their kind speak to the relay themselves, and print what it said.
      const { reply } = quotedIn(words);
      if (reply !== undefined && /^[45]/.test(reply)) return refusedWith(reply);
      return { state: 'refused', ...own, cause: classifyCode(troubleIn(words)) ?? 'unknown', temporary: code === '75' };
    }
    case 'unanswered':
      return { state: 'unanswered', ...(bySendmail ? own : ofServer(settings, base, line)) };
    case 'no-mailer':
      return { state: 'refused', ...own, cause: 'no-mailer', temporary: false };
    case 'too-old':
      return { state: 'unsent', ...base, cause: 'agent-too-old' };
    default:
      return { state: 'unsent', ...base, cause: 'sender-failed', evidence: asEvidence(`${state}: ${words}`) };
  }
};
