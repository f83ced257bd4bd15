/** The AWS services that functions call, at one local address: who called what, and with what; DynamoDB is dynalite. */
import { hash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** The fields of requests that the tests read, whatever the service. */
export type Body = {
  readonly TableName?: string;
  readonly SecretId?: string;
  readonly SecretString?: string;
  readonly VersionStage?: string;
  /** Of a parameter. */
  readonly Name?: string;
  readonly Value?: string;
  readonly Type?: string;
  readonly Overwrite?: boolean;
  readonly QueueUrl?: string;
  readonly Namespace?: string;
  readonly MetricData?: readonly {
    readonly MetricName: string;
    readonly Unit: string;
    readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
    readonly Values: readonly number[];
    readonly Counts: readonly number[];
  }[];
  readonly Entries?: readonly {
    readonly Id?: string;
    readonly MessageBody?: string;
    readonly Source?: string;
    readonly Detail?: string;
    readonly DetailType?: string;
  }[];
  readonly DocumentName?: string;
  readonly InstanceIds?: readonly string[];
  readonly Parameters?: Readonly<Record<string, readonly string[]>>;
  readonly CommandId?: string;
  /** A request of the query protocol (SES): its fields by name. */
  readonly form?: Readonly<Record<string, string>>;
};

export type Call = {
  /** The function that called, by the access key that it was given. */
  readonly by: string;
  /** As requests are signed for it: `monitoring` is CloudWatch. */
  readonly service: string;
  readonly operation: string;
  readonly body: Body;
};

export type Answer =
  | { readonly body: unknown }
  | { readonly xml: string }
  | { readonly status: number; readonly error: string; readonly message?: string };

/** What a test says to a call; undefined: the usual answer. */
export type Answers = (call: Call) => Answer | undefined | Promise<Answer | undefined>;

/** dynalite has no types of its own. */
const dynalite: (options: { createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite');

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return (server.address() as AddressInfo).port;
};

/** Takes everything, as the service would. */
const usual = ({ operation, body }: Call): Answer => {
  const { Entries = [] } = body;
  if (operation === 'SendMessageBatch')
    return {
      body: {
        Successful: Entries.map(({ Id, MessageBody = '' }) => ({
          Id,
          MessageId: Id,
          // The SDK compares it with what it sent.
          MD5OfMessageBody: hash('md5', MessageBody),
        })),
        Failed: [],
      },
    };
  if (operation === 'PutEvents')
    return { body: { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: '1' })) } };
  if (operation === 'PutMetricData') return { body: {} };
  return { status: 400, error: 'InvalidAction', message: `nobody answers ${operation} here` };
};

const callOf = (headers: IncomingHttpHeaders, raw: Buffer): Call => {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString();
  // Credential=<key>/<date>/<Region>/<service>/aws4_request
  const [, by = '', service = ''] = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(`${headers.authorization}`) ?? [];
  const target = headers['x-amz-target'];
  if (typeof target === 'string')
    return { by, service, operation: target.replace(/^.*\./, ''), body: JSON.parse(text) as Body };
  const form = Object.fromEntries(new URLSearchParams(text));
  return { by, service, operation: form.Action ?? '', body: { form } };
};

/** Starts it on free ports; `calls` grows as functions call. */
export const startAws = async (answers: Answers) => {
  const calls: Call[] = [];
  const dynamo = dynalite({ createTableMs: 0 });
  const dynamoUrl = `http://127.0.0.1:${await listen(dynamo)}`;
  const server = createServer(async (request, response) => {
    const raw = await buffer(request);
    const call = callOf(request.headers, raw);
    calls.push(call);
    if (call.service === 'dynamodb') {
      const { 'x-amz-target': target = '', 'content-type': type = '', authorization = '' } = request.headers;
      const headers = { 'x-amz-target': `${target}`, 'content-type': type, authorization, 'x-amz-date': 'any' };
      const answer = await fetch(dynamoUrl, { method: 'POST', headers, body: raw });
      response.writeHead(answer.status, { 'content-type': type }).end(await answer.text());
      return;
    }
    const answer = (await answers(call)) ?? usual(call);
    if ('xml' in answer) response.writeHead(200, { 'content-type': 'text/xml' }).end(answer.xml);
    else if ('error' in answer)
      response
        .writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' })
        .end(JSON.stringify({ __type: answer.error, message: answer.message }));
    else response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer.body));
  });
  const endpoint = `http://127.0.0.1:${await listen(server)}`;
  return {
    calls,
    endpoint,
    dynamoUrl,
    close: async () => {
      server.closeAllConnections();
      await Promise.all([server, dynamo].map((one) => new Promise((closed) => one.close(closed))));
    },
  };
};
