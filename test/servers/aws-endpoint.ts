/** A local stand-in for AWS services that speak JSON: records every call and lets a test decide the answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** One call as it came over the wire. */
export type AwsCall<Body> = {
  /** The operation of `X-Amz-Target`, such as `PutMetricData`. */
  readonly operation: string;
  /** The request in the service's own shape, which the test names. */
  readonly body: Body;
  /** The size of the body, unpacked. */
  readonly bytes: number;
  readonly gzip: boolean;
};

/** What to answer: a body with 200, an error of the service, or a connection that breaks without a word. */
export type AwsAnswer =
  | { readonly body: unknown }
  | { readonly status: number; readonly error: string; readonly message?: string }
  | { readonly hangUp: true };

/** Starts an endpoint on a free port; `calls` grows as the SDK calls. */
export async function awsEndpoint<Body>(answer: (call: AwsCall<Body>, index: number) => AwsAnswer) {
  const calls: AwsCall<Body>[] = [];
  const server = createServer(async (request, response) => {
    const raw = await buffer(request);
    const gzip = request.headers['content-encoding'] === 'gzip';
    const text = (gzip ? gunzipSync(raw) : raw).toString();
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    const call = { operation, body: JSON.parse(text) as Body, bytes: Buffer.byteLength(text), gzip };
    const reply = answer(call, calls.push(call) - 1);
    if ('hangUp' in reply) {
      request.socket.destroy();
      return;
    }
    const error = 'error' in reply ? reply : undefined;
    response.writeHead(error?.status ?? 200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify('error' in reply ? { __type: reply.error, message: reply.message } : reply.body));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    calls,
    /** What a client is made with: this endpoint, credentials that open nothing, two retries. */
    config: {
      endpoint,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 3,
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
