/** Tellings of hosts over HTTP: the same for the function URL of a stack and for the port on which `watch` listens. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import * as z from 'zod';
import type { Monitor } from '../core/monitor.ts';
import { type NotePorts, note } from '../core/note.ts';

/** A request, however it came. Header names in lower case; `path` is the request target with its query. */
export type TellingRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
};

export type TellingResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Larger than any telling of our scripts. */
export const mostBytes = 8 * 1024;

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): TellingResponse => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  body: `${JSON.stringify(body)}\n`,
});

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/);
const address = z
  .string()
  .max(45)
  .refine((text) => isIP(text) !== 0)
  .optional()
  // A host may not know its own address; that must not keep it from telling the rest.
  .catch(undefined);
/** Words of strangers, in base64 so that no shell has to write them as JSON. */
const words = z
  .base64()
  .max(mostBytes)
  .transform((text) => Buffer.from(text, 'base64').toString('utf8'));
const shared = {
  v: z.literal(1),
  host: name,
  path: name,
  fleet: z.boolean().default(false),
  generation: z.int().min(1).max(1_000_000),
  slot: z.int().min(0).max(1_000_000_000),
  at: z.int().min(0),
};
const body = z.discriminatedUnion('phase', [
  z.object({ ...shared, phase: z.literal('sending'), address, mailboxes: z.array(name).max(50) }),
  z.object({
    ...shared,
    phase: z.literal('done'),
    mailbox: name,
    via: z.enum(['sendmail', 'smtp']),
    exit: z.int().min(0).max(255),
    said: words,
    queue: words.optional(),
    leftFrom: address,
  }),
]);

const parse = (text: string) => {
  try {
    return body.safeParse(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

export type NoteHandler = (request: TellingRequest) => Promise<TellingResponse>;

/**
 * Makes the handler of tellings. It never rejects: a failure of our own is a 500 without words, and told to `onProblem`.
 * A request is read only after its size, and believed only after its signature.
 */
export const noteHandler =
  (ports: NotePorts, monitor: Monitor, onProblem: (error: unknown) => void): NoteHandler =>
  async ({ method, path, headers, body: bytes }) => {
    if (method !== 'POST')
      return json(405, { error: `tellings are POST, got ${method.slice(0, 20)}` }, { allow: 'POST' });
    if (bytes.length > mostBytes)
      return json(413, { error: `a telling may have ${mostBytes} bytes, got ${bytes.length}` });
    const { 'x-mail-canary-timestamp': timestamp, 'x-mail-canary-signature': signature } = headers;
    if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp) || typeof signature !== 'string')
      return json(401, { error: 'x-mail-canary-timestamp and x-mail-canary-signature are missing or malformed' });
    const parsed = parse(Buffer.from(bytes).toString('utf8'));
    if (parsed?.success !== true) {
      const at = parsed?.error.issues[0]?.path.join('.') ?? '';
      return json(400, {
        error: at === '' ? 'the body is not the JSON of a telling' : `"${at}" of the telling is wrong`,
      });
    }
    try {
      const signed = { path, timestamp: Number(timestamp), body: bytes };
      const answer = await note(ports, monitor, { telling: parsed.data, signed, signature });
      return json(answer.status, answer.body);
    } catch (error) {
      onProblem(error);
      return json(500, { error: 'the monitor could not note this' });
    }
  };

/** What a function URL hands to its function (payload format 2.0), as far as we read it. */
export type FunctionUrlEvent = {
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly requestContext: { readonly http: { readonly method: string } };
  readonly body?: string | undefined;
  readonly isBase64Encoded: boolean;
};

/**
 * The request in an event of a function URL.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
export const requestIn = (event: FunctionUrlEvent): TellingRequest => ({
  method: event.requestContext.http.method,
  path: event.rawQueryString === '' ? event.rawPath : `${event.rawPath}?${event.rawQueryString}`,
  headers: event.headers,
  body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
});

/** The body, up to one byte more than is allowed: the rest of a flood is neither read nor kept. */
const read = (request: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = () => resolve(Buffer.concat(chunks).subarray(0, mostBytes + 1));
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= mostBytes) return;
      request.pause();
      end();
    });
    request
      .once('end', end)
      .once('error', reject)
      .once('close', () => reject(new Error('the client went away')));
  });

const ignore = () => {};

export type NoteServer = { readonly port: number; readonly close: () => Promise<void> };

/**
 * Listens for tellings, on loopback unless another address of this machine is given; port 0 takes a free one.
 * Rejects when it cannot listen; after that nothing that a client does makes it throw.
 */
export const listenForTellings = async (
  handle: NoteHandler,
  { host = '127.0.0.1', port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<NoteServer> => {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = request;
    const tooLarge = Number(headers['content-length'] ?? 0) > mostBytes;
    const bytes = method !== 'POST' ? Buffer.alloc(0) : tooLarge ? Buffer.alloc(mostBytes + 1) : await read(request);
    const { status, headers: sent, body: text } = await handle({ method, path: url, headers, body: bytes });
    // What was not read must not be taken for the next request.
    response.writeHead(status, { ...sent, ...(request.complete ? {} : { connection: 'close' }) }).end(text);
    if (!request.complete) response.once('finish', () => request.destroy());
  };
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 });
  server.maxConnections = 200;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A client that goes away in the middle is nobody to answer.
    answer(request, response).catch(() => response.destroy());
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => resolve());
  });
  server.removeAllListeners('error').on('error', ignore);
  const listening = server.address();
  return {
    port: typeof listening === 'object' && listening !== null ? listening.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
