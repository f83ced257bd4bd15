/** How long a batch takes of which one host hangs: its canary has one deadline, and the others do not wait for it. */
import { createServer, type Server } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { memoryLedger } from '../lambdas/adapters/ledger-memory.ts';
import { keyOf } from '../lambdas/core/canary.ts';
import { limitsFor } from '../lambdas/core/limits.ts';
import { send } from '../lambdas/core/send.ts';
import { openSmtp } from '../lambdas/paths/smtp/send.ts';
import { gateFor } from '../lambdas/wiring/gate.ts';
import { median, spread, table } from './numbers.ts';

/** Seconds that a batch may take beyond the deadline of one canary. */
export const allowedBeyond = 1;

const deadline = 4000;
const hosts = 50;

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

const portOf = (text: string) => Number(text.replace('web-', ''));

/** One batch of 50 canaries, one of them to a server that says nothing. Resolves with seconds, and how many were taken. */
const once = async (ports: readonly [good: number, hanging: number]) => {
  const lostAfter = 900_000;
  const slot = Math.floor(Date.now() / 60_000);
  const routes = Array.from({ length: hosts }, (_, index) => `web-${index}/mta/outside`);
  const monitor = {
    name: 'bench',
    limits: limitsFor({ lostAfter }),
    paths: {
      mta: {
        every: 600_000,
        deliverWithin: 120_000,
        timeout: deadline,
        from: 'orders@example.com',
        autoSubmitted: true,
        connections: 2,
      },
    },
    mailboxes: { outside: { address: 'canary@elsewhere.example', inside: false } },
  };
  const batch = {
    slot,
    name: 'mta.0',
    path: 'mta',
    routes,
    hosts: routes.map((route) => ({
      id: route.split('/')[0] ?? '',
      paths: ['mta'],
      mailboxes: ['outside'],
      services: [],
      customers: [],
      labels: {},
    })),
  };
  const senders = ports.map((port) =>
    openSmtp(
      { host: '127.0.0.1', port, ignoreTls: true },
      {
        name: 'mta',
        monitor: 'bench',
        secret: () => Promise.reject(new Error('no secret')),
        fill: (template) => template,
        aws: { ses: () => Promise.reject(new Error('no AWS')), ssm: () => Promise.reject(new Error('no AWS')) },
        hello: async () => undefined,
      },
    ),
  );
  const begun = performance.now();
  const handovers = await send(
    {
      ledger: memoryLedger(),
      now: Date.now,
      sender: () => (mail, host, signal) => {
        const sender = senders[portOf(host.id) === 7 ? 1 : 0];
        if (sender === undefined) throw new Error('no sender');
        return sender(mail, host, signal);
      },
      gate: gateFor(100),
      deadline: (after) => AbortSignal.timeout(after),
    },
    monitor,
    keyOf('bench'),
    batch,
  );
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, taken: (handovers ?? []).filter(({ state }) => state === 'accepted').length };
};

/** Measures it a few times; `missed` says which limit was. */
export const batchWithHangingHost = async (
  turns = 3,
): Promise<{ readonly text: string; readonly missed: string[] }> => {
  const relay = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      stream.resume().once('end', () => done());
    },
  });
  const silent = createServer(() => undefined);
  const ports = [await listen(relay.server), await listen(silent)] as const;
  const measured = [];
  for (let turn = 0; turn < turns; turn += 1) measured.push(await once(ports));
  relay.close(() => undefined);
  silent.close();
  const seconds = measured.map((one) => one.seconds);
  const beyond = median(seconds) - deadline / 1000;
  const wrong = measured.filter(({ taken }) => taken !== hosts - 1).length;
  const text = `${table(
    ['', 'seconds'],
    [
      ['the deadline of one canary', (deadline / 1000).toFixed(2)],
      [`a batch of ${hosts}, one of which hangs`, spread(seconds, 2)],
    ],
  )}

${turns} turns; median, least and most. Allowed: ${allowedBeyond} s more than the deadline. ${wrong === 0 ? `The other ${hosts - 1} were taken in every turn.` : `In ${wrong} turns not all of the others were taken.`}`;
  const missed = [
    ...(beyond <= allowedBeyond
      ? []
      : [`a batch with a hanging host took ${beyond.toFixed(2)} s more than the deadline`]),
    ...(wrong === 0 ? [] : ['a hanging host kept others of its batch from being sent']),
  ];
  return { text, missed };
};
