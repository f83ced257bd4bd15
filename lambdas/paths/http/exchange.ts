/** One request on one new connection within one deadline; says how far it came when there is no answer. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Stage } from '../../core/words.ts';

export type Question = {
  /** Default: POST. */
  readonly method?: string | undefined;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly serverName?: string | undefined;
  readonly ca?: string | undefined;
};

export type Answer =
  | {
      readonly state: 'answered';
      readonly status: number;
      readonly body: string;
      readonly location?: string | undefined;
      /** `X-Mail-Canary-Signature` of the answer, not yet verified. */
      readonly signature?: string | undefined;
    }
  /** `sent`: the whole request was out, so the host may have acted on it. */
  | { readonly state: 'none'; readonly sent: boolean; readonly stage: Stage; readonly error: Error };

/** Larger than any answer of the protocol; more is cut off and will not parse. */
const mostBody = 64 * 1024;

/** Never rejects. Redirects are answers like others: another address would be another host. */
export const ask = (
  { method = 'POST', url, headers, body, serverName, ca }: Question,
  deadline: AbortSignal,
): Promise<Answer> =>
  new Promise((resolve) => {
    const secure = url.protocol === 'https:';
    let stage: Stage = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0 ? 'dns' : 'connect';
    let sent = false;
    const none = (error: Error) => resolve({ state: 'none', sent, stage, error });
    const request = (secure ? requestHttps : requestHttp)(url, {
      method,
      agent: false,
      signal: deadline,
      headers: {
        ...headers,
        ...(serverName !== undefined && { host: url.port === '' ? serverName : `${serverName}:${url.port}` }),
        'content-length': Buffer.byteLength(body),
      },
      ...(secure && {
        // Certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says.
        rejectUnauthorized: true,
        ...(serverName !== undefined && { servername: serverName }),
        ...(ca !== undefined && { ca }),
      }),
    });
    request.once('socket', (socket) => {
      socket.once('lookup', (error) => {
        if (error === null) stage = 'connect';
      });
      socket.once('connect', () => {
        stage = secure ? 'tls' : 'http';
      });
      socket.once('secureConnect', () => {
        stage = 'http';
      });
    });
    request.once('finish', () => {
      sent = stage === 'http';
    });
    // Later errors (of a request that is destroyed after its answer) have nobody to tell.
    request.on('error', none);
    request.once('response', (response) => {
      sent = true;
      const chunks: Buffer[] = [];
      let size = 0;
      const signature = response.headers['x-mail-canary-signature'];
      const answered = () => {
        const text = Buffer.concat(chunks).subarray(0, mostBody).toString();
        resolve({
          state: 'answered',
          status: response.statusCode ?? 0,
          body: text,
          location: response.headers.location,
          signature: signature === undefined ? undefined : String(signature),
        });
        request.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > mostBody) answered();
      });
      response.once('end', answered);
      response.on('error', none);
    });
    request.end(body);
  });
