/** What zod found, in our words: where, what came, what may come; never the value of a secret. */
import type * as z from 'zod';
import type { Mistake } from './checks.ts';
import { settingsSchema } from './schema.ts';

/** As much of a zod schema as is needed to say which keys a place may have. */
type Schema = {
  readonly shape?: Readonly<Record<PropertyKey, Schema>>;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
  readonly value?: unknown;
  readonly def?: { readonly innerType?: Schema; readonly in?: Schema };
};

/** Without defaults, optionals and transforms around it. */
const bare = (schema: Schema | undefined): Schema | undefined => {
  const within = schema?.def?.innerType ?? schema?.def?.in;
  return within === undefined ? schema : bare(within);
};

/** The keys that the object at a place may have; of a union, those of the kind that was written. */
const keysAt = (at: readonly PropertyKey[], input: unknown): string => {
  let schema = bare(settingsSchema as unknown as Schema);
  let value = input;
  for (const key of at) {
    value = typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
    const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
    const found = bare(schema?.shape?.[key] ?? schema?.element ?? schema?.valueType);
    schema = found?.options?.find((option) => bare(option.shape?.kind)?.value === kind) ?? found;
  }
  return Object.keys(schema?.shape ?? {})
    .filter((key) => key !== '$schema')
    .join(', ');
};

/** In our words; whoever has put a password into a URL must not find it in a log. */
const worded = (message: string): string =>
  message.replace(/^(.+), got undefined$/, 'is missing: $1').replace(/:\/\/[^/"\s]*@/g, '://***@');

/** The mistakes that one issue of zod stands for. */
export const mistakesFrom = (issue: z.core.$ZodIssue, input: unknown): Mistake[] => {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      at: [...issue.path, key],
      message: `is not a setting: may be one of ${keysAt(issue.path, input)}`,
    }));
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined)
    return [{ at: [...issue.path.filter((key) => key !== 'kind'), 'kind'], message: worded(issue.message) }];
  if (issue.code === 'invalid_key') return [{ at: issue.path, message: issue.issues[0]?.message ?? issue.message }];
  return [{ at: issue.path, message: worded(issue.message) }];
};

/** A message of zod's own in our form: what may come, what came; never the value of a secret. */
export const explain: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    if (typeof issue.input === 'string') return 'must not be empty';
    const bound = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
    return `must be ${bound}, got ${JSON.stringify(issue.input)}`;
  }
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is missing';
  const came =
    issue.input === null
      ? 'nothing'
      : Array.isArray(issue.input)
        ? 'a list'
        : typeof issue.input === 'object'
          ? 'a map'
          : JSON.stringify(issue.input);
  return `must be ${({ string: 'a text', object: 'a map', record: 'a map', array: 'a list', boolean: 'true or false', int: 'a whole number' } as Record<string, string>)[issue.expected] ?? issue.expected}, got ${came}`;
};
