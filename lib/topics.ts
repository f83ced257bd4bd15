/** Where alarms ring: SNS topics of the stack, or those that the settings name. */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Ringing } from '../lambdas/core/incident.ts';

export type Topics = Readonly<Record<Ringing, readonly ITopic[]>>;

export type TopicProps = {
  readonly name: string;
  readonly severity: Ringing;
  /** ARNs of existing topics; their policies must let CloudWatch publish. @default a new topic */
  readonly arns?: readonly string[] | undefined;
};

const words = { page: 'pages', ticket: 'tickets' } as const satisfies Record<Ringing, string>;

/** An empty list counts as none given: an alarm that rings nowhere is no alarm. */
export function addTopics(scope: Construct, id: string, { name, severity, arns = [] }: TopicProps): readonly ITopic[] {
  if (arns.length > 0) return arns.map((arn, index) => Topic.fromTopicArn(scope, `${id}${index}`, arn));
  const stack = Stack.of(scope);
  // Not encrypted with the key of SNS: CloudWatch could not publish, and nobody would notice.
  const topic = new Topic(scope, id, { displayName: `Mail Canary ${name}: ${words[severity]}`, enforceSSL: true });
  // A policy of its own replaces the default one, which let the account's alarms publish.
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: {
          'aws:SourceArn': stack.formatArn({ service: 'cloudwatch', resource: `alarm:${name}-*` }),
        },
      },
    }),
  );
  return [topic];
}
