/** A submission server that takes access tokens (XOAUTH2), as Google and Microsoft run them. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';
import { server as tls } from './smtp-harness.ts';

/** Starts it; it goes with the test. A token that `takes` says no to is answered by a challenge, then by 535. */
export const startOauthServer = async (takes: (token: string) => boolean, tlsToo = false) => {
  const logins: { readonly user: string | undefined; readonly token: string }[] = [];
  const delivered: string[] = [];
  const smtp = new SMTPServer({
    name: 'smtp.example.test',
    authMethods: ['PLAIN', 'XOAUTH2'],
    authOptional: false,
    allowInsecureAuth: true,
    ...(tlsToo ? tls : { hideSTARTTLS: true }),
    disableReverseLookup: true,
    closeTimeout: 50,
    logger: false,
    onAuth: ({ username, accessToken = '' }, _session, done) => {
      logins.push({ user: username, token: accessToken });
      if (takes(accessToken)) return done(null, { user: username ?? '' });
      done(null, { data: { status: '401', schemes: 'bearer', scope: 'https://mail.example/' } });
    },
    onData: (stream, _session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        delivered.push(Buffer.concat(chunks).toString());
        done(null, '2.0.0 Ok: queued as OAUTH1');
      });
    },
  });
  smtp.on('error', () => {});
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void smtp.close(resolve)));
  return { port: (smtp.server.address() as AddressInfo).port, logins, delivered };
};
