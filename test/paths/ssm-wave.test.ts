/** Commanding hosts: how many calls, what they carry, and what is said when Systems Manager takes none. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SSMClient } from '@aws-sdk/client-ssm';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Outgoing } from '../../lambdas/core/ports.ts';
import type { Handover } from '../../lambdas/core/words.ts';
import { longest } from '../../lambdas/paths/ssm/payload.ts';
import { openSsm } from '../../lambdas/paths/ssm/send.ts';
import type { SsmPath } from '../../lambdas/paths/ssm/settings.ts';
import { ssmDocumentContent } from '../../lib/ssm-document.ts';
import {
  type Call,
  canaryOf,
  fleet,
  hostOf,
  instanceAt,
  sentAt,
  settingsOf,
  systemsManager,
  taken,
} from './ssm-harness.ts';

const waveOf = async (
  canaries: readonly Outgoing[],
  {
    answer = taken,
    settings = settingsOf(),
    deadline = AbortSignal.timeout(20_000),
  }: {
    answer?: Parameters<typeof systemsManager>[0];
    settings?: SsmPath;
    deadline?: AbortSignal;
  } = {},
): Promise<{ handovers: readonly Handover[]; calls: readonly Call[] }> => {
  const { calls, context } = await systemsManager(answer);
  const handovers = await openSsm(settings, context).wave(canaries, deadline);
  return { handovers, calls };
};

const refuse =
  (error: string, message: string, status = 400) =>
  () => ({ status, error, message });

describe('a wave', () => {
  test('500 hosts are 10 calls, one for each lane of 50', async () => {
    const { calls, context } = await systemsManager(taken);
    const path = openSsm(settingsOf(), context);
    for (let lane = 0; lane < 10; lane += 1) {
      const handovers = await path.wave(fleet(50, ['outside'], lane * 50), AbortSignal.timeout(20_000));
      expect(handovers).toEqual(
        Array.from({ length: 50 }, () => ({ state: 'commanded', sentAt, command: `command-${lane}` })),
      );
    }
    expect(calls.map(({ operation }) => operation)).toEqual(Array.from({ length: 10 }, () => 'SendCommand'));
    expect(new Set(calls.flatMap(({ body }) => body.InstanceIds ?? [])).size).toBe(500);
    expect(calls.map(({ body }) => body.InstanceIds?.length)).toEqual(Array.from({ length: 10 }, () => 50));
  });

  test('500 hosts in one batch are 10 calls as well', async () => {
    const { calls, handovers } = await waveOf(fleet(500));
    expect(calls).toHaveLength(10);
    expect(handovers.every(({ state }) => state === 'commanded')).toBe(true);
  });

  test('two mailboxes of 50 hosts are still one call', async () => {
    const { calls } = await waveOf(fleet(50, ['outside', 'inside']));
    expect(calls.map(({ body }) => body.InstanceIds?.length)).toEqual([50]);
  });

  test('a longer payload is split, and every canary is in exactly one command', async () => {
    const mailboxes = ['a', 'b', 'c', 'd', 'e', 'f'];
    const canaries = fleet(50, mailboxes);
    const { calls, handovers } = await waveOf(canaries);
    expect(calls.length).toBeGreaterThan(1);
    expect(calls.length).toBeLessThanOrEqual(4);
    for (const { body } of calls) expect(body.Parameters?.payload?.[0]?.length).toBeLessThanOrEqual(longest);
    const all = calls.map(({ body }) => body.Parameters?.payload?.[0]).join();
    for (const { mail } of canaries) expect(all.split(`_${mail.id}_`)).toHaveLength(2);
    expect(handovers.every(({ state }) => state === 'commanded')).toBe(true);
  });

  test('the longest names that settings allow still fit 50 into one call', async () => {
    const canaries = Array.from({ length: 50 }, (_, n) =>
      canaryOf(hostOf({ id: `${n}${'h'.repeat(98)}`, labels: { instance: instanceAt(n) } }), 'm'.repeat(41)),
    );
    expect((await waveOf(canaries)).calls).toHaveLength(1);
  });

  test('says what it is, ends for nobody else, and waits briefly', async () => {
    const { calls } = await waveOf(fleet(2), { settings: settingsOf({ runAs: 'www-data', timeout: 20_000 }) });
    expect(calls[0]?.body).toEqual({
      DocumentName: 'mail-canary-production',
      DocumentVersion: '$LATEST',
      InstanceIds: [instanceAt(0), instanceAt(1)],
      MaxErrors: '100%',
      MaxConcurrency: '100%',
      TimeoutSeconds: 60,
      Comment: 'Mail Canary production: 2 test mails, path machine',
      Parameters: {
        payload: [expect.stringMatching(/^1_/)],
        via: ['smtp'],
        relay: ['mail-gw'],
        port: ['25'],
        tls: ['none'],
        runAs: ['www-data'],
        seconds: ['20'],
        executionTimeout: ['80'],
      },
    });
  });

  test('every parameter fits what the document allows, whatever the settings', async () => {
    const parameters: Readonly<Record<string, { readonly allowedPattern: string }>> =
      ssmDocumentContent('x').parameters;
    for (const settings of [
      settingsOf(),
      settingsOf({ via: 'sendmail', relay: undefined }),
      settingsOf({ via: 'ses', relay: undefined, timeout: 600_000 }),
      settingsOf({ relay: { host: '10.0.0.5', port: 65_535, tls: 'starttls' }, runAs: 'svc.app-1', timeout: 100 }),
    ]) {
      const { calls } = await waveOf(fleet(50, ['a', 'b']), { settings });
      const given = Object.entries(calls[0]?.body.Parameters ?? {});
      expect(given.length).toBeGreaterThan(3);
      for (const [name, values] of given)
        expect([name, values]).toEqual([
          name,
          [expect.stringMatching(new RegExp(parameters[name]?.allowedPattern ?? '^$'))],
        ]);
    }
  });

  test('hostile names of hosts stay inside the alphabet', async () => {
    const names = [
      '$(id)',
      '`id`',
      "'; id; '",
      '"|id',
      'a\nb',
      '=I=V_._',
      '\u202e',
      randomBytes(8).toString('latin1'),
      'http://x/../',
    ];
    const canaries = names.map((name, n) =>
      canaryOf(hostOf({ id: `${n}${name}`.replaceAll('/', '|'), labels: { instance: instanceAt(n) } })),
    );
    const { calls, handovers } = await waveOf(canaries);
    expect(handovers.every(({ state }) => state === 'commanded')).toBe(true);
    for (const { body } of calls) expect(body.Parameters?.payload?.[0]).toMatch(/^[A-Za-z0-9._=@+-]+$/);
  });
});

describe('the instance of a host', () => {
  test.each([
    ['its label', hostOf(), instanceAt(3)],
    ['its own id', hostOf({ id: 'i-0123456789abcdef0', labels: {} }), 'i-0123456789abcdef0'],
    ['a node outside EC2', hostOf({ id: 'mi-0123456789abcdef0', labels: {} }), 'mi-0123456789abcdef0'],
  ])('is %s', async (_, host, instance) => {
    const { calls } = await waveOf([canaryOf(host)]);
    expect(calls[0]?.body.InstanceIds).toEqual([instance]);
  });

  test('is what the template of the settings says', async () => {
    const host = hostOf({ labels: { instance: instanceAt(1), ssm: instanceAt(2) } });
    const { calls } = await waveOf([canaryOf(host)], { settings: settingsOf({ instance: '{host.labels.ssm}' }) });
    expect(calls[0]?.body.InstanceIds).toEqual([instanceAt(2)]);
  });

  test.each([
    ['no label', {}, 'web-03'],
    ['an address', { instance: '10.0.1.17' }, '10.0.1.17'],
    ['upper case', { instance: 'I-0123456789ABCDEF0' }, 'I-0123456789ABCDEF0'],
    ['more than an id', { instance: 'i-0123456789abcdef0-x' }, 'i-0123456789abcdef0-x'],
  ])('%s: unsent, with what to set, and the others are commanded', async (_, labels, got) => {
    const { calls, handovers } = await waveOf([canaryOf(hostOf({ labels })), canaryOf(hostOf({ id: 'web-04' }))]);
    expect(handovers).toEqual([
      {
        state: 'unsent',
        cause: 'sender-failed',
        sentAt,
        evidence: `web-03 has no instance id (got "${got}"): give it the label "instance" with an id such as i-0123456789abcdef0, or set "instance" of path machine`,
      },
      { state: 'commanded', sentAt, command: 'command-0' },
    ]);
    expect(calls).toHaveLength(1);
  });

  test.each(['$(id)', 'i-0123456789abcdef0\ni-0', '{host.id}', 'http://169.254.169.254/', '__proto__'])(
    '%j reaches no call',
    async (instance) => {
      const { calls, handovers } = await waveOf([canaryOf(hostOf({ labels: { instance } }))]);
      expect(handovers[0]).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
      expect(calls).toHaveLength(0);
    },
  );

  test('an attachment does not fit into a command', async () => {
    const { handovers, calls } = await waveOf([canaryOf(hostOf(), 'outside', 5_000_000)]);
    expect(handovers[0]).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'an attachment does not fit into a command',
    });
    expect(calls).toHaveLength(0);
  });
});

describe('a refusal of Systems Manager', () => {
  /** As AWS words it; one such instance makes it refuse the whole command. */
  const invalid = (bad: readonly string[], named: boolean) => (call: Call, index: number) => {
    const found = (call.body.InstanceIds ?? []).filter((id) => bad.includes(id));
    if (found.length === 0) return taken(call, index);
    const message = named ? `Instances [[${found.join(', ')}]] not in a valid state for account 111122223333` : '';
    return { status: 400, error: 'InvalidInstanceId', message };
  };
  const offline = (handovers: readonly Handover[]) =>
    handovers.flatMap((one, index) => ('cause' in one && one.cause === 'agent-offline' ? [index] : []));

  test('for instances that it names: those are offline, the others are commanded by one more call', async () => {
    const bad = [instanceAt(4), instanceAt(17), instanceAt(31)];
    const { handovers, calls } = await waveOf(fleet(50), { answer: invalid(bad, true) });
    expect(calls).toHaveLength(2);
    expect(offline(handovers)).toEqual([4, 17, 31]);
    expect(handovers[4]).toMatchObject({
      state: 'unsent',
      cause: 'agent-offline',
      evidence: expect.stringContaining('not in a valid state'),
    });
    expect(handovers.filter(({ state }) => state === 'commanded')).toHaveLength(47);
  });

  test('without a name: halves find the one that is offline', async () => {
    const { handovers, calls } = await waveOf(fleet(50), { answer: invalid([instanceAt(23)], false) });
    expect(offline(handovers)).toEqual([23]);
    expect(handovers.filter(({ state }) => state === 'commanded')).toHaveLength(49);
    expect(calls.length).toBeLessThanOrEqual(16);
  });

  test('for everybody, without a name: a bounded number of calls, and nobody is called offline without being asked alone', async () => {
    const all = Array.from({ length: 50 }, (_, n) => instanceAt(n));
    const { handovers, calls } = await waveOf(fleet(50), { answer: invalid(all, false) });
    expect(calls).toHaveLength(16);
    const alone = calls.flatMap(({ body }) => (body.InstanceIds?.length === 1 ? body.InstanceIds : []));
    expect(offline(handovers).map(instanceAt)).toEqual(alone.toSorted());
    expect(handovers.every(({ state }) => state === 'unsent')).toBe(true);
    expect(handovers.at(-1)).toMatchObject({
      cause: 'sender-failed',
      evidence: expect.stringMatching(/^not commanded: one instance/),
    });
  });

  test('for an instance without the tags: that one is unauthorised, the others are commanded', async () => {
    const { handovers, calls } = await waveOf(fleet(3), {
      answer: (call, index) =>
        call.body.InstanceIds?.includes(instanceAt(1)) === true
          ? {
              status: 400,
              error: 'AccessDeniedException',
              message: `User: arn:aws:sts::111122223333:assumed-role/send/send is not authorized to perform: ssm:SendCommand on resource: arn:aws:ec2:eu-west-1:111122223333:instance/${instanceAt(1)}`,
            }
          : taken(call, index),
    });
    expect(calls).toHaveLength(2);
    expect(handovers.map((one) => ('cause' in one ? one.cause : one.state))).toEqual([
      'commanded',
      'trigger-unauthorised',
      'commanded',
    ]);
    expect(handovers[1]?.evidence).toMatch(/needs the "tags" of the path$/);
  });

  const everybody = [
    [
      'AccessDeniedException',
      'User is not authorized to perform: ssm:SendCommand on resource: arn:aws:ssm:eu-west-1:111122223333:document/mail-canary-production',
      'trigger-unauthorised',
      /not authorized/,
    ],
    [
      'InvalidDocument',
      'Document with name mail-canary-production does not exist.',
      'sender-failed',
      /the stack of monitor production makes mail-canary-production/,
    ],
    [
      'InvalidParameters',
      'Parameter "payload" has value not matching ^[A-Za-z0-9._=@+-]+$.',
      'sender-failed',
      /InvalidParameters/,
    ],
    ['ThrottlingException', 'Rate exceeded', 'sender-failed', /Rate exceeded/],
    ['InternalServerError', 'try later', 'sender-failed', /InternalServerError/],
    ['MaxDocumentSizeExceeded', 'too long', 'sender-failed', /MaxDocumentSizeExceeded/],
    [
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      'sender-failed',
      /security token/,
    ],
  ] as const;
  test.each(everybody)('%s is one attempt, and unsent for all', async (error, message, cause, evidence) => {
    const { handovers, calls } = await waveOf(fleet(3), { answer: refuse(error, message) });
    expect(calls).toHaveLength(1);
    expect(handovers).toEqual(
      Array.from({ length: 3 }, () => ({ state: 'unsent', cause, sentAt, evidence: expect.stringMatching(evidence) })),
    );
  });

  test('a connection that breaks', async () => {
    const { handovers, calls } = await waveOf(fleet(1), { answer: () => ({ hangUp: true }) });
    expect(handovers[0]).toMatchObject({ state: 'unsent', cause: 'sender-failed' });
    expect(calls).toHaveLength(1);
  });

  test('an answer without an id of the command', async () => {
    const { handovers } = await waveOf(fleet(1), { answer: () => ({ body: {} }) });
    expect(handovers[0]).toMatchObject({
      state: 'unsent',
      cause: 'sender-failed',
      evidence: 'Systems Manager took a command and named no id',
    });
  });

  test('no answer before the deadline: unsent, and nobody waits for longer', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const { port } = silent.address() as AddressInfo;
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new SSMClient({ endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-1', credentials });
    const { context } = await systemsManager(taken);
    const aws = { ...context.aws, ssm: async () => client };
    const began = performance.now();
    const handovers = await openSsm(settingsOf(), { ...context, aws }).wave(fleet(50), AbortSignal.timeout(500));
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(new Set(handovers.map(({ state, evidence }) => `${state}: ${evidence}`))).toEqual(
      new Set(['unsent: no answer from Systems Manager before the deadline']),
    );
  });

  test('a deadline that has passed: nothing is called', async () => {
    const { handovers, calls } = await waveOf(fleet(2), { deadline: AbortSignal.abort() });
    expect(handovers.map((one) => 'cause' in one && one.cause)).toEqual(['sent-too-late', 'sent-too-late']);
    expect(calls).toHaveLength(0);
  });

  test('words are kept short, on one line', async () => {
    const { handovers } = await waveOf(fleet(1), {
      answer: refuse('InvalidParameters', `x\r\n\u001b[31m${'y'.repeat(5000)}`),
    });
    expect(handovers[0]?.evidence?.length).toBeLessThanOrEqual(500);
    expect(handovers[0]?.evidence).not.toMatch(/[\r\n\u001b]/);
  });
});
