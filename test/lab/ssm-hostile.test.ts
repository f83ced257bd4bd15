/** Hostile values in every parameter and every part of a payload, and hostile relays: nothing of it is ever run, and each line stays a line. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { lineOf } from '../../lambdas/paths/ssm/lines.ts';
import { type Lab, startLab } from './postfix.ts';
import { type Host, type Hosts, type Ran, startHosts } from './ssm-hosts.ts';

let lab: Lab;
let hosts: Hosts;
let host: Host;
let marker: string;
let got: string;
let path: string;

beforeAll(async () => {
  lab = await startLab();
  hosts = await startHosts(lab);
  host = hosts.host('web-01', 11);
  const folder = mkdtempSync(join(hosts.dir, 'hostile-'));
  marker = join(folder, 'executed');
  got = join(folder, 'got');
  path = hosts.only('bash', 'curl', 'touch');
  writeFileSync(join(path, 'sendmail'), `#!/bin/sh\n{ printf '%s\\n' "$@"; cat; } > ${got}\n`, { mode: 0o755 });
});

afterAll(async () => {
  hosts?.stop();
  await lab?.stop();
});

const hostile = (): readonly string[] => [
  `$(touch ${marker})`,
  `\`touch ${marker}\``,
  `'; touch ${marker}; '`,
  `"; touch ${marker}; "`,
  `x\ntouch ${marker}\n`,
  `x; touch ${marker}`,
  `| touch ${marker}`,
  `\${IFS}$(touch\${IFS}${marker})`,
  `-oProgram=${marker}`,
  `--config=${marker}`,
  `$((a[$(touch ${marker})]))`,
  `%s%n\\0101\\c`,
  `* ? ~ ../../etc/passwd`,
  `\u0000\u001b[31m\u202e\r\n.\r\nMAIL FROM:<evil@example.test>`,
];

const octal = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9.@-]/.test(char) ? char : `=${byte.toString(8).padStart(3, '0')}`;
    })
    .join('');

const id = 'bcdfghjklmnpqrstvwxz';
type Parts = { from: string; template: string; instance: string; id: string; host: string; to: string; value: string };
const payloadOf = (change: Partial<Parts> = {}): string => {
  const parts: Parts = {
    from: 'orders@example.test',
    template: 'Subject=072+=H+=I=012=012=V=012',
    instance: host.instance,
    id,
    host: 'web-01',
    to: 'canary@supplier.test',
    value: 'text',
    ...change,
  };
  return ['1', '1', parts.from, parts.template, parts.instance, parts.id, parts.host, parts.to, parts.value, '.'].join(
    '_',
  );
};

const runWith = async (parameters: Readonly<Record<string, string>>): Promise<Ran> => {
  rmSync(got, { force: true });
  const given = { via: 'sendmail', payload: payloadOf(), relay: hosts.relay.host, port: String(hosts.relay.port) };
  // A NUL cannot be in an environment at all.
  const all = Object.fromEntries(
    Object.entries({ ...given, ...parameters }).map(([name, value]) => [name, value.replaceAll('\u0000', '')]),
  );
  return host.run({ path, parameters: { seconds: '10', tls: 'none', runAs: '-', ...all } });
};

/** It printed lines of ours and nothing else, and ran nothing that it was given. */
const expectHarmless = ({ output }: Ran) => {
  expect(existsSync(marker)).toBe(false);
  const lines = output.trimEnd().split('\n');
  expect(lines.map((line) => lineOf(line) === undefined)).toEqual(lines.map(() => false));
};

test('the marker would be seen: the same text in a shell makes it', async () => {
  const { output } = await runWith({});
  expect(output).toContain(`mc1\t${id}\tsent\t`);
  const { execFileSync } = await import('node:child_process');
  execFileSync('sh', ['-c', `echo ${hostile()[0]}`]);
  expect(existsSync(marker)).toBe(true);
  rmSync(marker);
});

describe.each(['payload', 'via', 'relay', 'port', 'tls', 'runAs', 'seconds'])('parameter %s', (name) => {
  test.each(['sendmail', 'smtp', 'ses'])('via %s', async (via) => {
    for (const value of hostile()) {
      const ran = await runWith({ via, [name]: value });
      expectHarmless(ran);
      expect([value, ran.output]).toEqual([value, expect.stringMatching(/^mc1\t(-|[a-z]{20})\t(invalid|no-user)\t/)]);
      expect(existsSync(got)).toBe(false);
    }
  });
});

test('values that are words, and wrong, are said to be', async () => {
  const of = async (parameters: Readonly<Record<string, string>>) =>
    (await runWith(parameters)).output.split('\t').slice(2, 3);
  expect(await of({ via: 'fax' })).toEqual(['invalid']);
  expect(await of({ relay: '-x', via: 'smtp' })).toEqual(['invalid']);
  expect(await of({ runAs: '-c' })).toEqual(['invalid']);
  expect(await of({ port: '25a' })).toEqual(['invalid']);
  expect(await of({ payload: '1_0_a' })).toEqual(['invalid']);
  expect(await of({ payload: '2_0_a_b_c_.' })).toEqual(['invalid']);
  expect(await of({ payload: `1_9_a@b_c_${host.instance}_${id}_.` })).toEqual(['invalid']);
  expect(await of({ payload: payloadOf({ instance: 'i-00000000' }) })).toEqual(['invalid']);
});

describe('parts of a payload', () => {
  test.each(['from', 'to'] as const)(
    '%s must be an address',
    async (part) => {
      const values = [
        ...hostile(),
        ...hostile().map((text) => `${text}@example.test`),
        ...[...' "(),:;<>[\\]\t\r\n\u007fé'].map((char) => `a${char}b@example.test`),
        '-f@example.test',
        'a@b@example.test',
        '@example.test',
        'a@',
      ];
      for (const [index, value] of values.entries()) {
        const via = ['sendmail', 'smtp', 'ses'][index % 3] ?? '';
        const ran = await runWith({ via, payload: payloadOf({ [part]: octal(value) }) });
        expectHarmless(ran);
        expect([value, ran.output]).toEqual([value, expect.stringContaining('\tinvalid\t')]);
        expect(existsSync(got)).toBe(false);
      }
    },
    120_000,
  );

  test.each(['host', 'value', 'template'] as const)('%s is text of the mail, and nothing else', async (part) => {
    for (const value of hostile().map((text) => text.replaceAll('\u0000', ''))) {
      const ran = await runWith({ payload: payloadOf({ [part]: octal(value) }) });
      expectHarmless(ran);
      expect(ran.output).toContain(`mc1\t${id}\tsent\t`);
      // What a template holds besides marks is the mail, byte for byte.
      const [, , , , , ...mail] = readFileSync(got, 'utf8').split('\n');
      const subject = part === 'host' ? value : 'web-01';
      const expected =
        part === 'template' ? value : `Subject: ${subject} ${id}\n\n${part === 'value' ? value : 'text'}\n`;
      expect(mail.join('\n')).toBe(expected);
    }
  });

  test('an id must be letters, an instance must be this one', async () => {
    for (const value of hostile()) {
      for (const part of ['id', 'instance'] as const) {
        const ran = await runWith({ payload: payloadOf({ [part]: octal(value) }) });
        expectHarmless(ran);
        expect(ran.output).toContain('\tinvalid\t');
        expect(existsSync(got)).toBe(false);
      }
    }
  });
});

describe('relays', () => {
  /** A relay that answers what it is told to, on the address that the hosts see. */
  const relayThat = async (talk: (socket: Socket) => void): Promise<number> => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      talk(socket);
    });
    await new Promise<void>((listening) => server.listen(0, hosts.relay.host, listening));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  };

  const each = [['curl'], ['python3'], ['bash']] as const;

  test.each(each)('words that look like code are words (%s)', async (program) => {
    const words = `554 5.7.1 $(touch ${marker}) \`touch ${marker}\` '"; touch ${marker}\t|\u001b[31m%s\\0101`;
    const port = await relayThat((socket) => socket.end(`${words}\r\n`));
    const ran = await host.run({
      path: hosts.only(program, 'touch'),
      parameters: { payload: payloadOf(), via: 'smtp', relay: hosts.relay.host, port: String(port), seconds: '10' },
    });
    expectHarmless(ran);
    const line = lineOf(ran.output.trim());
    expect(line).toMatchObject({ id, state: 'refused', stage: 'banner' });
    expect(line?.words).toBe(words.replace(/[\t\u001b]/g, ' '));
  });

  test.each(each)('a relay that never stops talking is left (%s)', async (program) => {
    const port = await relayThat((socket) => {
      const more = () => {
        while (socket.writable && socket.write(`220-${'x'.repeat(500)}\r\n`.repeat(20)));
      };
      socket.on('drain', more);
      more();
    });
    const began = Date.now();
    const ran = await host.run({
      path: hosts.only(program),
      parameters: { payload: payloadOf(), via: 'smtp', relay: hosts.relay.host, port: String(port), seconds: '5' },
    });
    expectHarmless(ran);
    expect(lineOf(ran.output.trim())).toMatchObject({ id, state: 'failed' });
    expect(Date.now() - began).toBeLessThan(20_000);
    expect(ran.output.length).toBeLessThan(2500);
  });

  test.each(each)('a relay that drips is left at the deadline (%s)', async (program) => {
    const port = await relayThat((socket) => {
      const timer = setInterval(() => socket.write('2'), 300);
      socket.on('close', () => clearInterval(timer));
    });
    const began = Date.now();
    const ran = await host.run({
      path: hosts.only(program),
      parameters: { payload: payloadOf(), via: 'smtp', relay: hosts.relay.host, port: String(port), seconds: '5' },
    });
    expect(lineOf(ran.output.trim())).toMatchObject({ id, state: 'failed' });
    expect(Date.now() - began).toBeLessThan(15_000);
  });

  test.each(each)('a connection that ends after the mail is unanswered (%s)', async (program) => {
    const port = await relayThat((socket) => {
      socket.write('220 mail-gw.example.test ESMTP\r\n');
      let mail = false;
      socket.on('data', (chunk) => {
        const text = chunk.toString();
        if (mail) {
          if (text.includes('\r\n.\r\n')) socket.destroy();
          return;
        }
        mail = text.startsWith('DATA');
        socket.write(mail ? '354 go on\r\n' : '250 fine\r\n');
      });
    });
    const ran = await host.run({
      path: hosts.only(program),
      parameters: { payload: payloadOf(), via: 'smtp', relay: hosts.relay.host, port: String(port), seconds: '10' },
    });
    expect(lineOf(ran.output.trim())).toMatchObject({ id, state: 'unanswered', stage: 'body' });
  });
});
