/** What the stack needs to know of the settings; bin/app.ts derives it, so that constructs do not depend on the schema. */
import type { Need, StackPart } from '../lambdas/paths/kind.ts';
import type { Network } from '../lambdas/settings/network.ts';

export type StackSettings = {
  /** The monitor's name: the dimension `Monitor` of every metric, and the beginning of the alarms' names. */
  readonly name: string;
  readonly alarms?:
    | {
        /** ARNs of SNS topics for alarms that page. @default a topic made by the stack */
        readonly page?: readonly string[] | undefined;
        /** ARNs of SNS topics for alarms that can wait for working hours. @default a topic made by the stack */
        readonly ticket?: readonly string[] | undefined;
        /** Where the company's own runbook is; every alarm names it. @default none */
        readonly runbook?: string | undefined;
      }
    | undefined;
  /** What the paths need besides their secrets; granted to `send` only. */
  readonly pathNeeds: readonly Need[];
  /** Secret references of the paths (`secretsmanager:NAME`, `ssm:NAME`); granted to `send` only. */
  readonly pathSecrets: readonly string[];
  /** What asking for outcomes needs; granted to `confirm` only. */
  readonly outcomeNeeds: readonly Need[];
  /** What the paths need of the stack itself, each once. */
  readonly parts: readonly StackPart[];
  /** Where functions run inside a VPC. @default outside */
  readonly network?: Network | undefined;
  /** Secret references of the mailboxes; granted to `confirm` only. */
  readonly mailboxSecrets: readonly string[];
  /** Those among them that are written back (rotated refresh tokens). */
  readonly mailboxWrites: readonly string[];
  /** What the mailboxes need besides their secrets; granted to `confirm` only. */
  readonly mailboxNeeds: readonly Need[];
  /** The validated settings as the functions read them: plain data, durations parsed, secrets still references. */
  readonly json: unknown;
};
