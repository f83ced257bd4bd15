/**
 * A web host with nothing but the Mail Canary endpoint, to try it out:
 *   MAIL_CANARY_HOST=web-03 MAIL_CANARY_SECRET=... MAIL_CANARY_RECIPIENTS=canary@mailbox-elsewhere.example \
 *   SMTP_HOST=mail-gw.example.com node examples/web-host/server.mjs
 */
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import nodemailer from 'nodemailer';
import { mailCanaryHandler } from './mail-canary-host.mjs';

const { env } = process;
const handler = mailCanaryHandler({
  host: env.MAIL_CANARY_HOST ?? hostname(),
  secret: env.MAIL_CANARY_SECRET ?? '',
  transport: nodemailer.createTransport({ host: env.SMTP_HOST ?? 'localhost', port: Number(env.SMTP_PORT ?? 25) }),
  recipients: (env.MAIL_CANARY_RECIPIENTS ?? '').split(',').filter(Boolean),
  perMinute: Number(env.MAIL_CANARY_PER_MINUTE ?? 1),
  mostBody: Number(env.MAIL_CANARY_MOST_BODY ?? 16_384),
});

const server = createServer((req, res) => {
  if (req.url === '/mail-canary') return handler(req, res);
  res.writeHead(404).end();
});
server.listen(Number(env.PORT ?? 8080), env.HOST ?? '0.0.0.0', () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === 'object' ? address?.port : address}`);
});
