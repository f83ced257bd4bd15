/** A token endpoint on loopback that answers as a test says, and remembers what it was shown. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** What to answer: a status (200 unless given) and a body, or a function that has the whole response in its hands. */
export type TokenAnswer =
  | {
      readonly status?: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | ((response: ServerResponse) => void);

/** Starts it; it goes with the test. */
export const tokenEndpoint = async (answer: (fields: URLSearchParams, index: number) => TokenAnswer) => {
  const requests: {
    readonly method: string | undefined;
    readonly type: string | undefined;
    readonly fields: Record<string, string>;
  }[] = [];
  const server = createServer(async (request, response) => {
    const fields = new URLSearchParams(await text(request));
    const { method, headers } = request;
    const index = requests.push({ method, type: headers['content-type'], fields: Object.fromEntries(fields) }) - 1;
    const told = answer(fields, index);
    if (typeof told === 'function') return told(response);
    response.writeHead(told.status ?? 200, { 'content-type': 'application/json', ...told.headers });
    response.end(typeof told.body === 'string' ? told.body : JSON.stringify(told.body));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${port}/token`, host: `127.0.0.1:${port}`, requests, close };
};
