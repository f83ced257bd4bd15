/** Runs a function every minute, on the minute, and never twice for one tick. */
import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { ContextAttribute, Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { Construct } from 'constructs';

/** A tick older than this is the next tick's work; the shortest age that Scheduler takes. */
export const asyncMaxAge = Duration.seconds(60);

/**
 * The input is `{"time": <the scheduled time>}`: the slot comes from the tick, not from the clock of a late function.
 * cron, not rate: a rate starts at the second of the deployment, and a canary's slot begins with the minute.
 */
export function everyMinute(scope: Construct, id: string, fn: IFunction, description: string): Schedule {
  const stack = Stack.of(scope);
  // A role of our own: the target's would allow every version and alias of the function.
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': stack.account,
          'aws:SourceArn': stack.formatArn({
            service: 'scheduler',
            resource: 'schedule-group',
            resourceName: 'default',
          }),
        },
      },
    }),
    inlinePolicies: {
      invoke: new PolicyDocument({
        statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [fn.functionArn] })],
      }),
    },
  });
  return new Schedule(scope, id, {
    description,
    schedule: ScheduleExpression.cron({ minute: '*' }),
    target: new LambdaInvoke(fn, {
      role: role.withoutPolicyUpdates(),
      input: ScheduleTargetInput.fromObject({ time: ContextAttribute.scheduledTime }),
      retryAttempts: 0,
      maxEventAge: asyncMaxAge,
    }),
  });
}
