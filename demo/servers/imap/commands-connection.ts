/** Commands that need no folder: capabilities, login, idle, quota. */
import { timingSafeEqual } from 'node:crypto';
import { capabilities } from './options.ts';
import { type Command, type Session, tellChanges, userOf } from './session.ts';
import { quote, type Token, textOf } from './wire.ts';

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

const enter = (session: Session, user: string): string => {
  session.user = user;
  return `OK [CAPABILITY ${capabilities(session.options, session.faults, session.secure).join(' ')}] Logged in`;
};

const logIn = (session: Session, user: string, password: string): string => {
  if (session.faults.refuseLogin !== undefined) return `NO ${session.faults.refuseLogin}`;
  const expected = Object.hasOwn(session.options.users, user) ? session.options.users[user] : undefined;
  if (expected === undefined || !same(expected, password)) return 'NO [AUTHENTICATIONFAILED] Authentication failed.';
  return enter(session, user);
};

/** The client's answer to SASL: what it sent with the command (RFC 4959), else its next line. */
const saslAnswer = async (session: Session, initial: Token | undefined): Promise<string | undefined> => {
  if (initial !== undefined) return textOf(initial);
  session.send('+ ');
  const [line] = (await session.read()) ?? [];
  return line?.toString();
};

const plain = (session: Session, answer: string): string => {
  const [, user = '', password = ''] = Buffer.from(answer, 'base64').toString('latin1').split('\0');
  return logIn(session, user, password);
};

/** An access token as XOAUTH2 and OAUTHBEARER (RFC 7628) carry it: fields between control characters. */
const bearer = async (session: Session, answer: string): Promise<string> => {
  const { tokens = {} } = session.options;
  const fields = Buffer.from(answer, 'base64').toString().split('\x01');
  const user = fields.map((field) => /^(?:user=|n,a=)([^,]*),?$/.exec(field)?.[1]).find((name) => name !== undefined);
  const token = fields.map((field) => /^auth=Bearer (.+)$/i.exec(field)?.[1]).find((text) => text !== undefined);
  if (session.faults.refuseLogin !== undefined) return `NO ${session.faults.refuseLogin}`;
  const owner = token !== undefined && Object.hasOwn(tokens, token) ? tokens[token] : undefined;
  if (user !== undefined && owner === user) return enter(session, user);
  // Why, as JSON; the client has to answer it before it is refused.
  const why = { status: '401', schemes: 'bearer', scope: 'https://mail.example/' };
  session.send(`+ ${Buffer.from(JSON.stringify(why)).toString('base64')}`);
  return (await session.read()) === undefined
    ? 'BAD cancelled'
    : 'NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)';
};

const authenticate: Command = async (session, [mechanism, initial]) => {
  const name = textOf(mechanism).toUpperCase();
  if (!capabilities(session.options, session.faults, session.secure).includes(`AUTH=${name}`))
    return 'NO unsupported mechanism';
  const answer = await saslAnswer(session, initial);
  if (answer === undefined || answer === '*') return 'BAD cancelled';
  return name === 'PLAIN' ? plain(session, answer) : bearer(session, answer);
};

const idle: Command = async (session) => {
  const stop = session.store.onChange(() => tellChanges(session, true));
  session.send('+ idling');
  const line = await session.read();
  stop();
  return line === undefined ? undefined : 'OK IDLE done';
};

const quota = (session: Session): void => {
  const { used, limit } = session.store.quota(userOf(session));
  session.send(`* QUOTA "" (STORAGE ${used} ${limit})`);
};

export const connectionCommands: Readonly<Record<string, Command>> = {
  CAPABILITY: (session) => {
    session.send(`* CAPABILITY ${capabilities(session.options, session.faults, session.secure).join(' ')}`);
    return 'OK done';
  },
  NOOP: () => 'OK done',
  ID: (session) => {
    session.send('* ID ("name" "mail-canary demo")');
    return 'OK done';
  },
  ENABLE: (session) => {
    session.send('* ENABLED');
    return 'OK done';
  },
  LOGIN: (session, [user, password]) => logIn(session, textOf(user), textOf(password)),
  AUTHENTICATE: authenticate,
  NAMESPACE: (session) => {
    session.send('* NAMESPACE (("" "/")) NIL NIL');
    return 'OK done';
  },
  IDLE: idle,
  GETQUOTA: (session) => {
    quota(session);
    return 'OK done';
  },
  GETQUOTAROOT: (session, [folder]) => {
    session.send(`* QUOTAROOT ${quote(textOf(folder))} ""`);
    quota(session);
    return 'OK done';
  },
  LOGOUT: (session) => {
    session.send('* BYE see you');
    return 'OK done';
  },
};
