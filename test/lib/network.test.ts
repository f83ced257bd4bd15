/** Functions in a VPC: nothing is looked up, the interfaces belong to Lambda and not to the code, and outside nothing changes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, describe, expect, test } from 'vitest';
import type { Network } from '../../lambdas/settings/network.ts';
import { grantNetwork, networkProps } from '../../lib/network.ts';
import { packageRoot } from '../../lib/package-root.ts';

const { context } = JSON.parse(readFileSync(join(packageRoot, 'cdk.json'), 'utf8')) as {
  readonly context: Record<string, unknown>;
};

const folder = mkdtempSync(join(tmpdir(), 'mail-canary-network-'));
writeFileSync(join(folder, 'index.mjs'), 'export const handler = async () => 0;\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const network: Network = {
  vpcId: 'vpc-0a1b2c3d',
  subnetIds: ['subnet-0a1b2c3d', 'subnet-1a1b2c3d', 'subnet-2a1b2c3d'],
  availabilityZones: ['eu-west-1a', 'eu-west-1b', 'eu-west-1a'],
  for: ['send'],
};

/** A stack with functions as lib/function.ts makes them. */
const stackOf = (block: Network | undefined, names: readonly string[] = ['send']) => {
  const app = new App({ context });
  const stack = new Stack(app, 'Stack', { env: { account: '111122223333', region: 'eu-west-1' } });
  for (const name of names) {
    const role = new Role(stack, `${name}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const inVpc = networkProps(stack, block, name);
    if (inVpc.vpc !== undefined) grantNetwork(role);
    new LambdaFunction(stack, name, {
      runtime: Runtime.NODEJS_24_X,
      code: Code.fromAsset(folder),
      handler: 'index.handler',
      role,
      ...inVpc,
    });
  }
  return { app, stack, template: Template.fromStack(stack) };
};

const actions = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

describe('a function in the VPC', () => {
  const { stack, template } = stackOf(network);

  test('runs in every subnet of the settings, in a security group that lets nothing in', () => {
    const [group] = Object.keys(template.findResources('AWS::EC2::SecurityGroup'));
    template.hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SubnetIds: network.subnetIds, SecurityGroupIds: [{ 'Fn::GetAtt': [group, 'GroupId'] }] },
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      VpcId: network.vpcId,
      GroupDescription: 'Mail Canary: the function send',
      SecurityGroupEgress: [{ CidrIp: '0.0.0.0/0', IpProtocol: '-1' }],
      SecurityGroupIngress: Match.absent(),
    });
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    expect(Object.values(template.findOutputs('*'))).toEqual([
      expect.objectContaining({ Value: { 'Fn::GetAtt': [group, 'GroupId'] } }),
    ]);
  });

  test('its role lets Lambda make interfaces, and denies that to the code; the CDK adds nothing', () => {
    template.resourceCountIs('AWS::IAM::Role', 1);
    template.hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent(), Policies: Match.absent() });
    template.resourceCountIs('AWS::IAM::Policy', 1);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          { Effect: 'Allow', Action: actions, Resource: '*' },
          {
            Effect: 'Deny',
            Action: actions,
            Resource: '*',
            Condition: { ArnLike: { 'lambda:SourceFunctionArn': 'arn:aws:lambda:eu-west-1:111122223333:function:*' } },
          },
        ],
      },
    });
  });

  test('is made after its rights, which Lambda needs at once', () => {
    const [policy = ''] = Object.keys(template.findResources('AWS::IAM::Policy'));
    template.hasResource('AWS::Lambda::Function', { DependsOn: Match.arrayWith([policy]) });
  });

  test('warns of nothing, and looks nothing up', () => {
    expect(Annotations.fromStack(stack).findWarning('*', Match.anyValue())).toEqual([]);
    expect(Annotations.fromStack(stack).findError('*', Match.anyValue())).toEqual([]);
    expect(stackOf(network).app.synth().manifest.missing ?? []).toEqual([]);
  });
});

test('given security groups are used as they are', () => {
  const { template } = stackOf({ ...network, securityGroupIds: ['sg-0a1b2c3d', 'sg-1a1b2c3d'] });
  template.resourceCountIs('AWS::EC2::SecurityGroup', 0);
  template.resourceCountIs('AWS::EC2::SecurityGroupEgress', 0);
  template.hasResourceProperties('AWS::Lambda::Function', {
    VpcConfig: { SecurityGroupIds: ['sg-0a1b2c3d', 'sg-1a1b2c3d'] },
  });
  expect(Object.keys(template.findOutputs('*'))).toEqual([]);
});

test('a function that is not named runs outside, with no right to interfaces', () => {
  const { template } = stackOf(network, ['plan', 'send']);
  const functions = Object.values(template.findResources('AWS::Lambda::Function'));
  expect(functions.map(({ Properties }) => Properties.VpcConfig !== undefined)).toEqual([false, true]);
  template.resourceCountIs('AWS::IAM::Policy', 1);
});

test('without a network nothing is added', () => {
  const { template } = stackOf(undefined);
  template.hasResourceProperties('AWS::Lambda::Function', { VpcConfig: Match.absent() });
  for (const type of ['AWS::EC2::SecurityGroup', 'AWS::IAM::Policy']) template.resourceCountIs(type, 0);
});

test('each function in the VPC has a security group of its own', () => {
  const { template } = stackOf({ ...network, for: ['plan', 'send', 'confirm'] }, ['plan', 'send', 'confirm']);
  template.resourceCountIs('AWS::EC2::SecurityGroup', 3);
});

test('cdk-nag finds nothing that is not explained', () => {
  const { violations } = new AwsSolutionsChecks().validateScope(stackOf(network).app);
  expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  // The rule packs load slowly on a busy machine.
}, 30_000);
