/** Commands that need no folder: capabilities, login, idle, quota. */
import { timingSafeEqual } from 'node:crypto';
import { capabilities } from './options.ts';
import { type Command, type Session, tellChanges, userOf } from './session.ts';
import { quote, textOf } from './wire.ts';

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

const logIn = (session: Session, user: string, password: string): string => {
  if (session.faults.refuseLogin !== undefined) return `NO ${session.faults.refuseLogin}`;
  const expected = Object.hasOwn(session.options.users, user) ? session.options.users[user] : undefined;
  if (expected === undefined || !same(expected, password)) return 'NO [AUTHENTICATIONFAILED] Authentication failed.';
  session.user = user;
  return `OK [CAPABILITY ${capabilities(session.options, session.faults, session.secure).join(' ')}] Logged in`;
};

const authenticate: Command = async (session, [mechanism, initial]) => {
  if (textOf(mechanism).toUpperCase() !== 'PLAIN') return 'NO unsupported mechanism';
  if (initial === undefined) session.send('+ ');
  const [line] = initial === undefined ? ((await session.read()) ?? []) : [textOf(initial)];
  if (line === undefined || line === '*') return 'BAD cancelled';
  const text = Buffer.from(line.toString(), 'base64').toString('latin1');
  const [, user = '', password = ''] = text.split('\0');
  return logIn(session, user, password);
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
