/** What the tests of the `ses` path share: an endpoint that speaks SES's query protocol, the real client, a canary. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SESClient, type SESClientConfig } from '@aws-sdk/client-ses';
import { expect, onTestFinished } from 'vitest';
import * as z from 'zod';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import type { CanaryMail, Handover, HostFacts } from '../../lambdas/core/words.ts';
import { ses } from '../../lambdas/paths/ses/index.ts';
import { shape } from '../../lambdas/paths/ses/settings.ts';
import { pathContext } from './context.ts';

export const key = keyOf('a key of the tests');
export const from = 'orders@example.test';
export const to = 'canary@supplier.example';
export const mail: CanaryMail = mint('monitor/ses/outside', 29_000_000, 1_740_000_000_000, key, {
  from,
  to,
  autoSubmitted: true,
});
export const host: HostFacts = {
  id: 'monitor',
  paths: ['ses'],
  mailboxes: ['outside'],
  services: [],
  customers: [],
  labels: {},
};

/** Travels with every request, as in Lambda; a new one in every run, so that any output that holds it is found. */
export const sessionToken = randomBytes(200).toString('base64');

export const listen = async (server: Server) => {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
};

type Call = { readonly form: URLSearchParams; readonly headers: IncomingMessage['headers']; readonly port: number };

/** An endpoint that reads the whole request and then does this. */
export const endpoint = async (answer: (response: ServerResponse, call: Call) => void) => {
  const calls: Call[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const form = new URLSearchParams((await buffer(request)).toString());
    const call = { form, headers: request.headers, port: request.socket.remotePort ?? 0 };
    calls.push(call);
    answer(response, call);
  };
  const port = await listen(createServer((request, response) => void serve(request, response)));
  return { url: `http://127.0.0.1:${port}`, server: `127.0.0.1:${port}`, calls };
};

const namespace = 'http://ses.amazonaws.com/doc/2010-12-01/';
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export const messageId = '0102018f7c191be4-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000';
export const taken = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<SendRawEmailResponse xmlns="${namespace}">\n  <SendRawEmailResult>\n    <MessageId>${messageId}</MessageId>\n  </SendRawEmailResult>\n  <ResponseMetadata>\n    <RequestId>e0abcdfa-c866-11e0-b6d0-273d09173b49</RequestId>\n  </ResponseMetadata>\n</SendRawEmailResponse>\n`,
  );
};
export const error = (status: number, code: string, message: string) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(
    `<ErrorResponse xmlns="${namespace}">\n  <Error>\n    <Type>${status < 500 ? 'Sender' : 'Receiver'}</Type>\n    <Code>${code}</Code>\n    <Message>${escaped(message)}</Message>\n  </Error>\n  <RequestId>7c191be4-5e6c-11ec-bf63-0242ac130002</RequestId>\n</ErrorResponse>\n`,
  );
};

export type Settings = z.input<z.ZodObject<typeof shape>> & { readonly from?: string };
type Given = {
  /** Default: none that would pass. */
  readonly deadline?: AbortSignal;
  readonly mail?: CanaryMail;
  readonly monitor?: string;
  readonly client?: SESClientConfig;
};

const parsed = ({ from: sender = from, ...own }: Settings) => ({ ...z.strictObject(shape).parse(own), from: sender });

/** The path as the wiring opens it, with the real client against this endpoint. */
export const open = (url: string, settings: Settings = {}, given: Given = {}) => {
  const client = new SESClient({
    endpoint: url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken },
    maxAttempts: 1,
    ...given.client,
  });
  onTestFinished(() => client.destroy());
  const { aws } = pathContext();
  return ses.open(
    parsed(settings),
    pathContext({ name: 'ses', monitor: given.monitor ?? 'production', aws: { ...aws, ses: async () => client } }),
  );
};

/** A deadline that passes when the test says so, and not before: no machine is too slow for that. */
export const deadlineBy = () => {
  const controller = new AbortController();
  return { deadline: controller.signal, pass: () => controller.abort() };
};

/** One canary through it, as the send round does it. */
export const send = async (url: string, settings: Settings = {}, given: Given = {}): Promise<Handover> => {
  const attempt = open(url, settings, given);
  const handover = await attempt(given.mail ?? mail, host, given.deadline ?? AbortSignal.timeout(25_000));
  onTestFinished(() => expect(JSON.stringify(handover)).not.toContain(sessionToken));
  return handover;
};
