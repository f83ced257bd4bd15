/** What a path is opened with in tests: everything it does not use rejects. */
import type { PathContext } from '../../lambdas/paths/kind.ts';

const unused = (what: string) => async (): Promise<never> => {
  throw new Error(`this test gives the path no ${what}`);
};

export const pathContext = (given: Partial<PathContext> = {}): PathContext => ({
  name: 'path',
  monitor: 'test',
  secret: unused('secret'),
  fill: (template) => template,
  aws: { ses: unused('SES client'), ssm: unused('SSM client') },
  hello: async () => undefined,
  ...given,
});
