/** The Node endpoint fulfils the contract of all examples, in node:http and mounted in Express. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createTransport } from 'nodemailer';
import { describe } from 'vitest';
import { type MailCanaryHandler, mailCanaryHandler } from '../../examples/web-host/mail-canary-host.mjs';
import { fulfilsContract, inFullWords, type Language } from './contract.ts';

const languageWith = (name: string, mounted: (handler: MailCanaryHandler) => RequestListener): Language => ({
  name,
  refusal: inFullWords,
  start: async ({ relay, ...options }) => {
    const handler = mailCanaryHandler({
      ...options,
      transport: createTransport({ host: relay.host, port: relay.port, ignoreTLS: true }),
    });
    const server = createServer(mounted(handler)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mail-canary`,
      countFailures: async (count) => {
        for (let i = 0; i < count; i += 1) handler.countFailure();
      },
      stop: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  },
});

const languages = [
  languageWith('node:http', (handler) => handler),
  languageWith('Express', (handler) => express().use('/mail-canary', handler)),
];

describe.each(languages)('$name', fulfilsContract);
