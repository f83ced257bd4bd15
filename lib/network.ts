/** Functions inside a VPC: where they run, what they may do with network interfaces, and nothing that has to be looked up. */
import { Annotations, ArnFormat, CfnOutput, Stack, Validations } from 'aws-cdk-lib';
import { SecurityGroup, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { FunctionProps } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Network } from '../lambdas/settings/network.ts';

/** What a function in a VPC gets in addition; empty for one outside. */
export type NetworkProps = Pick<FunctionProps, 'vpc' | 'vpcSubnets' | 'securityGroups'>;

const inWords = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/**
 * Where the function of this name runs: in the VPC when `network.for` names it. VPC and subnets are the ids of the settings.
 * A security group made here lets everything out and nothing in: hosts and relays are found at run time, at any address and
 * on any port of a template, and what may be reached is decided where it is reached (the relay's own group or firewall).
 */
export function networkProps(scope: Construct, network: Network | undefined, name: string): NetworkProps {
  if (network === undefined || !(network.for as readonly string[]).includes(name)) return {};
  const within = new Construct(scope, `${inWords(name)}Network`);
  const vpc = Vpc.fromVpcAttributes(within, 'Vpc', {
    vpcId: network.vpcId,
    availabilityZones: [...new Set(network.availabilityZones)],
  });
  const subnets = network.subnetIds.map((subnetId, index) => {
    const subnet = Subnet.fromSubnetAttributes(within, `Subnet${index}`, {
      subnetId,
      availabilityZone: network.availabilityZones[index] ?? '',
    });
    Annotations.of(subnet).acknowledgeWarning(
      '@aws-cdk/aws-ec2:noSubnetRouteTableId',
      'nobody reads the route table: synth cannot look it up, and says what it must lead to',
    );
    return subnet;
  });
  return { vpc, vpcSubnets: { subnets }, securityGroups: groupsOf(within, network, vpc, name) };
}

function groupsOf(within: Construct, network: Network, vpc: ReturnType<typeof Vpc.fromVpcAttributes>, name: string) {
  if (network.securityGroupIds !== undefined)
    return network.securityGroupIds.map((id, index) =>
      // Somebody else's: no rule of ours is added to it.
      SecurityGroup.fromSecurityGroupId(within, `SecurityGroup${index}`, id, { mutable: false }),
    );
  const made = new SecurityGroup(within, 'SecurityGroup', { vpc, description: `Mail Canary: the function ${name}` });
  new CfnOutput(within, 'SecurityGroupId', {
    description: `Let this security group in where ${name} connects to`,
    value: made.securityGroupId,
  });
  return [made];
}

/** What Lambda does with the role of a function in a VPC, as in AWSLambdaVPCAccessExecutionRole without its rights to every log. */
const interfaceActions = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

/**
 * Lets Lambda make the network interfaces, and denies it to the code of the function, which has the same role: only calls
 * from within it carry `lambda:SourceFunctionArn`
 * (https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html).
 * The CDK adds nothing of this to a role that it did not make itself.
 */
export function grantNetwork(role: Role): void {
  const anyFunction = Stack.of(role).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  role.addToPolicy(new PolicyStatement({ actions: interfaceActions, resources: ['*'] }));
  role.addToPolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions: interfaceActions,
      resources: ['*'],
      // Not the ARN of this one function: it depends on the role, and the role cannot wait for it.
      conditions: { ArnLike: { 'lambda:SourceFunctionArn': anyFunction } },
    }),
  );
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason:
      'The interfaces do not exist before Lambda makes them, and Describe knows no resources; the code is denied all of it',
  });
}
