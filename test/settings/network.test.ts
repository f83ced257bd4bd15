/** The `network` block: every mistake with its exact message, and what synth says must exist in the VPC and what it costs. */
import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../lambdas/settings/load.ts';
import { network, networkAdvice } from '../../lambdas/settings/network.ts';

const good = {
  vpcId: 'vpc-0a1b2c3d4e5f60718',
  subnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3d4e5f60718'],
  availabilityZones: ['eu-west-1a', 'eu-west-1b'],
};

describe('the block', () => {
  test('names ids only; send is in the VPC unless something else is said', () => {
    expect(network().parse(good)).toEqual({ ...good, for: ['send'] });
    const all = { ...good, securityGroupIds: ['sg-0a1b2c3d'], for: ['plan', 'send', 'confirm', 'note'] };
    expect(network().parse(all)).toEqual(all);
    for (const zone of ['us-gov-west-1a', 'us-east-1f', 'ap-southeast-2c'])
      expect(network().safeParse({ ...good, availabilityZones: [zone, zone] }).success, zone).toBe(true);
  });

  test.each<[string, Record<string, unknown>, (string | number)[], string]>([
    [
      'another id',
      { vpcId: 'subnet-0a1b2c3d' },
      ['vpcId'],
      'must be the id of a VPC such as vpc-0a1b2c3d, got "subnet-0a1b2c3d"',
    ],
    [
      'capitals',
      { vpcId: 'vpc-0A1B2C3D' },
      ['vpcId'],
      'must be the id of a VPC such as vpc-0a1b2c3d, got "vpc-0A1B2C3D"',
    ],
    [
      'ten digits',
      { vpcId: 'vpc-0a1b2c3d4e' },
      ['vpcId'],
      'must be the id of a VPC such as vpc-0a1b2c3d, got "vpc-0a1b2c3d4e"',
    ],
    ['a number', { vpcId: 7 }, ['vpcId'], 'must be the id of a VPC such as vpc-0a1b2c3d, got 7'],
    ['no subnet', { subnetIds: [], availabilityZones: [] }, ['subnetIds'], 'must name at least one subnet'],
    [
      'a subnet that is none',
      { subnetIds: ['subnet-0a1b2c3d', 'sn-1'] },
      ['subnetIds', 1],
      'must be the id of a subnet such as subnet-0a1b2c3d, got "sn-1"',
    ],
    [
      'a subnet twice',
      { subnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3d'] },
      ['subnetIds'],
      'must not name one subnet twice',
    ],
    [
      'a Region for a zone',
      { availabilityZones: ['eu-west-1', 'eu-west-1b'] },
      ['availabilityZones', 0],
      'must be an availability zone such as eu-west-1a, got "eu-west-1"',
    ],
    [
      'the id of a zone',
      { availabilityZones: ['euw1-az1', 'eu-west-1b'] },
      ['availabilityZones', 0],
      'must be an availability zone such as eu-west-1a, got "euw1-az1"',
    ],
    [
      'a zone too few',
      { availabilityZones: ['eu-west-1a'] },
      ['availabilityZones'],
      'must name the zone of each subnet in the order of subnetIds: 2, got 1',
    ],
    ['no security group', { securityGroupIds: [] }, ['securityGroupIds'], 'must name at least one security group'],
    [
      'a security group that is none',
      { securityGroupIds: ['default'] },
      ['securityGroupIds', 0],
      'must be the id of a security group such as sg-0a1b2c3d, got "default"',
    ],
    ['no function', { for: [] }, ['for'], 'must name at least one function'],
    [
      'a function that there is not',
      { for: ['sned'] },
      ['for', 0],
      'must be one of plan, send, confirm, note, got "sned"',
    ],
    ['a function twice', { for: ['send', 'send'] }, ['for'], 'must not name one function twice'],
  ])('%s', (_what, over, path, message) => {
    const { error } = network().safeParse({ ...good, ...over });
    expect(error?.issues.map((issue) => ({ path: issue.path, message: issue.message }))).toEqual([{ path, message }]);
  });

  test('an unknown key is refused', () => {
    expect(network().safeParse({ ...good, subnets: [] }).error?.issues[0]?.code).toBe('unrecognized_keys');
  });

  test('a long text that is no zone is refused at once', () => {
    const begun = performance.now();
    expect(network().safeParse({ ...good, availabilityZones: [`eu${'-a'.repeat(50_000)}!`, 'x'] }).success).toBe(false);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});

const settingsOf = (block: object, more = '') =>
  parseSettings(
    `mailboxes:
  outside:
    address: canary@supplier.test
    imap: { host: imap.supplier.test }
    auth: { kind: password, user: canary, secret: ssm:/outside }
paths:
  app: { kind: http, url: "https://{host.address}/mail-canary", from: orders@example.test, secret: secretsmanager:app }
  relay: { kind: smtp, host: relay.example.test, from: orders@example.test }
${more}hosts:
  - { id: web-01, address: 192.0.2.1, paths: [app] }
network: ${JSON.stringify(block)}
`,
    'x.yaml',
    'stack',
  );

const advice = (block: object, more = '') => {
  const { settings } = settingsOf(block, more);
  return networkAdvice(settings, settings.network);
};

describe('what synth says', () => {
  test('nothing without a network', () => {
    expect(networkAdvice(settingsOf(good).settings, undefined)).toEqual([]);
  });

  test('of send: what it needs, what it costs in two zones, and what only NAT or a route leads to', () => {
    expect(advice(good)).toEqual([
      'network: send in vpc-0a1b2c3d4e5f60718 has no public address. What it calls must be reachable from the subnets, which synth does not look up: a gateway endpoint for dynamodb (free), and interface endpoints for secretsmanager (send): 1 x 2 zones x $7.30 = $14.60 a month and $0.01 per GB. Or a NAT gateway in place of all of them: about $33 a month and $0.045 per GB',
      'network: no endpoint leads to the hosts of path app, relay.example.test:587 of path relay: each of them that lies outside the VPC needs a route (peering, VPN) or, on the internet, the NAT gateway, whose address is then the one that servers see',
    ]);
  });

  test('of all functions: each endpoint once, with those who call it', () => {
    const [first = '', second = ''] = advice({
      ...good,
      subnetIds: ['subnet-0a1b2c3d'],
      availabilityZones: ['eu-west-1a'],
      for: ['plan', 'send', 'confirm', 'note'],
    });
    expect(first).toContain(
      'interface endpoints for events (confirm), monitoring (confirm), secretsmanager (send, confirm, note), sqs (plan), ssm (confirm): 5 x 1 zone x $7.30 = $36.50 a month',
    );
    expect(second).toContain('imap.supplier.test:993 of mailbox outside');
  });

  test('of two subnets in one zone: endpoints cost by the zone', () => {
    expect(advice({ ...good, availabilityZones: ['eu-west-1a', 'eu-west-1a'] })[0]).toContain(
      '1 x 1 zone x $7.30 = $7.30',
    );
  });

  test('of plan alone: no server, no NAT for one', () => {
    const all = advice({ ...good, for: ['plan'] });
    expect(all).toHaveLength(1);
    expect(all[0]).toContain('interface endpoints for sqs (plan): 1 x 2 zones');
  });

  test('of a path that sends with a service of AWS: its endpoint, not a server', () => {
    const [first, second] = advice(good, '  ses: { kind: ses, from: orders@example.test }\n');
    expect(first).toContain('interface endpoints for email (send), secretsmanager (send): 2 x 2 zones');
    expect(second).not.toContain('path ses');
  });

  test('of port 25: blocked but for private addresses until AWS lifts it', () => {
    const all = advice(good, '  old: { kind: smtp, host: old.example.test, port: 25, from: orders@example.test }\n');
    expect(all.at(-1)).toMatch(/^network: port 25 \(path old\) is open to private addresses only, until AWS lifts/);
    expect(all).toHaveLength(3);
  });

  test('synth prints it as warnings', () => {
    const { settings, warnings } = settingsOf(good);
    expect(warnings).toEqual(expect.arrayContaining(networkAdvice(settings, settings.network)));
  });
});
