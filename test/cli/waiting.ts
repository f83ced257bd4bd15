/** What the tests of `watch` share. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Company } from './company.ts';

/** The secrets of a company, for rounds that run in this process. */
export const resolver =
  (company: Company, more: Readonly<Record<string, string>> = {}) =>
  async (reference: string): Promise<string> => {
    const value = Object.entries({ ...company.secrets, ...more }).find(([name]) => reference === `env:${name}`)?.[1];
    if (value === undefined) throw new Error(`${reference} is not known here`);
    return value;
  };

/** Waits for something that must come; the test's own timeout ends it otherwise. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(50);
};
