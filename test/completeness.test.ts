/** What can be checked over the files is checked: directions, sizes, lists, tables, pins. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Alarm, alarms } from '../lambdas/core/alarms.ts';
import { causes } from '../lambdas/core/causes.ts';
import { metrics } from '../lambdas/core/metrics.ts';
import { pathKinds } from '../lambdas/paths/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

/** Every source file of a folder of the repository; a folder without one is a mistake of the test. */
const filesOf = (...folders: readonly string[]): string[] =>
  folders.flatMap((folder) => {
    const found = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((name) => /\.[cm]?[jt]s$/.test(name) && !name.includes('node_modules') && !name.includes('cdk.out'));
    if (found.length === 0) throw new Error(`${folder} has no source file`);
    return found.sort();
  });

const importsOf = (file: string): string[] =>
  [
    ...textOf(file).matchAll(
      /(?:^|\n)(?:import|export)\b[^'"`;]*?from '([^']+)'|\bimport\(\s*'([^']+)'|(?:^|\n)import '([^']+)'/g,
    ),
  ].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? '');

/** Where an import leads: a file of the repository, or the name of a package. */
const targetOf = (file: string, specifier: string): string =>
  specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : specifier;

const product = ['lambdas', 'lib', 'bin', 'demo', 'examples'] as const;

describe('imports point one way', () => {
  const shared = ['lambdas/core/', 'lambdas/settings/'];
  const kinds = ['lambdas/paths/', 'lambdas/mailbox/', 'lambdas/discovery/'];
  /** The files of each folder import from these folders of the repository, and from no other. */
  const allowed: readonly (readonly [folder: string, from: readonly string[]])[] = [
    ['lambdas/core', ['lambdas/core/']],
    ['lambdas/oauth', ['lambdas/core/', 'lambdas/oauth/']],
    ['lambdas/tls', ['lambdas/core/', 'lambdas/tls/']],
    ['lambdas/paths', [...shared, 'lambdas/oauth/', 'lambdas/tls/', 'lambdas/paths/']],
    ['lambdas/mailbox', [...shared, 'lambdas/oauth/', 'lambdas/tls/', 'lambdas/mailbox/', 'lambdas/paths/kind.ts']],
    ['lambdas/discovery', [...shared, 'lambdas/discovery/', 'lambdas/paths/kind.ts']],
    ['lambdas/settings', [...shared, ...kinds]],
    ['lambdas/telling', ['lambdas/core/', 'lambdas/telling/']],
    ['lambdas/adapters', ['lambdas/core/', 'lambdas/adapters/']],
    ['lambdas/wiring', ['lambdas/']],
    ['lib', [...shared, ...kinds, 'lib/']],
    ['bin', ['bin/', 'lib/', 'lambdas/']],
    ['demo', ['demo/', 'lambdas/', 'bin/', 'examples/']],
  ];

  test.each(allowed.filter(([folder]) => existsSync(join(root, folder)) && readdirSync(join(root, folder)).length > 0))(
    '%s',
    (folder, from) => {
      const wrong = filesOf(folder).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => targetOf(file, specifier))
          .filter((target) => !from.some((start) => target.startsWith(start)))
          .map((target) => `${file} imports ${target}`),
      );
      expect(wrong).toEqual([]);
    },
  );

  test('every folder of lambdas has its rule', () => {
    const folders = readdirSync(join(root, 'lambdas'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const ruled = new Set(allowed.map(([folder]) => folder));
    expect(folders.map(({ name }) => `lambdas/${name}`).filter((name) => !ruled.has(name))).toEqual([]);
  });

  test('handlers import their wiring alone, and types', () => {
    const handlers = readdirSync(join(root, 'lambdas')).filter((name) => name.endsWith('.ts'));
    expect(handlers.length).toBeGreaterThan(2);
    const wrong = handlers.flatMap((name) =>
      textOf(`lambdas/${name}`)
        .split('\n')
        .filter((line) => /^(import|export) .*from /.test(line))
        .filter((line) => !/^import (type .*|.* from '\.\/wiring\/[\w-]+\.ts');?/.test(line))
        .map((line) => `${name}: ${line}`),
    );
    expect(wrong).toEqual([]);
  });

  test('a path knows nothing of other paths', () => {
    const wrong = filesOf('lambdas/paths').flatMap((file) => {
      const [, own] = /^lambdas\/paths\/([^/]+)\//.exec(file) ?? [];
      return importsOf(file)
        .map((specifier) => targetOf(file, specifier))
        .filter((target) => own !== undefined && /^lambdas\/paths\/[^/]+\//.test(target))
        .filter((target) => !target.startsWith(`lambdas/paths/${own}/`))
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('no test library and no test file outside the tests', () => {
    const wrong = filesOf(...product).filter((file) =>
      importsOf(file).some((one) => /^(vitest|fast-check)\b/.test(one) || targetOf(file, one).startsWith('test/')),
    );
    expect(wrong).toEqual([]);
  });
});

describe('the core is told, it does not ask', () => {
  const files = filesOf('lambdas/core');

  test('it imports nothing but itself, node:crypto, and the addresses and ranges of node:net', () => {
    const packages = new Set(files.flatMap(importsOf).filter((specifier) => !specifier.startsWith('.')));
    expect([...packages].sort()).toEqual(['node:crypto', 'node:net']);
    const nets = files.flatMap((file) => [...textOf(file).matchAll(/import \{([^}]*)\} from 'node:net'/g)]);
    const taken = new Set(nets.flatMap(([, names = '']) => names.split(',').map((name) => name.trim())));
    expect([...taken].filter((name) => !['BlockList', 'isIP', 'isIPv4', 'isIPv6'].includes(name))).toEqual([]);
  });

  test.each([
    ['the clock', /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\)|\bperformance\./],
    ['the environment', /\bprocess\b/],
    ['chance', /\bMath\.random\b|\brandom(Bytes|Int|UUID)\b/],
    ['timers', /\bset(Timeout|Interval|Immediate)\b/],
    ['a console', /\bconsole\./],
  ])('it does not use %s', (_, pattern) => {
    expect(files.filter((file) => pattern.test(textOf(file)))).toEqual([]);
  });
});

describe('sizes', () => {
  const most = 220;
  /** Longer files, each with the reason why it is one thing. */
  const longer: Readonly<Record<string, string>> = {
    'lambdas/core/causes.ts': 'one table, a row per cause: two files would be two lists',
    'lambdas/core/confirm.ts': 'one round, read from top to bottom: the order of its writes is the crash safety',
  };
  const lines = (file: string) => textOf(file).split('\n').length - 1;

  test(`no file has more than ${most} lines`, () => {
    const files = filesOf(...product);
    const long = files.filter((file) => lines(file) > most && !Object.hasOwn(longer, file));
    expect(long.map((file) => `${file}: ${lines(file)} lines`)).toEqual([]);
  });

  test('no exception is left that is not needed', () => {
    expect(Object.keys(longer).filter((file) => lines(file) <= most)).toEqual([]);
  });
});

describe('tests', () => {
  const files = filesOf('test').filter((file) => file.endsWith('.test.ts'));

  test.each([
    ['replaces a module', /\bvi\s*\.\s*(mock|doMock|hoisted)\b/],
    ['is left out or singled out', /\b(test|it|describe)(\.\w+)*\.(skip|only|todo|skipIf|runIf|fails)\b/],
  ])('none %s', (_, pattern) => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((file) => pattern.test(textOf(file)))).toEqual([]);
  });
});

describe('one list per kind of thing', () => {
  const folders = readdirSync(join(root, 'lambdas/paths')).filter((name) =>
    statSync(join(root, 'lambdas/paths', name)).isDirectory(),
  );

  test('every folder of a path is in the list, once, under its own name', () => {
    const kinds = pathKinds.map(({ kind }) => kind);
    expect([...kinds].sort()).toEqual(folders.sort());
  });

  test.each([
    ['metrics', ['lambdas/core/metrics.ts'], Object.keys(metrics)],
    ['alarms', ['lambdas/core/alarms.ts'], Object.keys(alarms)],
    // One table in two parts: of mail, and of mailboxes.
    ['causes', ['lambdas/core/causes.ts', 'lambdas/core/causes-mailbox.ts'], Object.keys(causes)],
  ])('the %s have one row each, and no second list', (_, tables, names) => {
    expect(names.length).toBeGreaterThan(5);
    const rows = [
      ...tables
        .map(textOf)
        .join('')
        .matchAll(/^ {2}'?([\w-]+)'?: \{/gm),
    ].map(([, name]) => name);
    expect(rows.sort()).toEqual([...names].sort());
    const others = filesOf(...product).filter((file) => !tables.includes(file));
    expect(others.filter((file) => names.every((name) => textOf(file).includes(name)))).toEqual([]);
  });
});

describe('the README', () => {
  const readme = existsSync(join(root, 'README.md')) ? textOf('README.md') : '';

  const row = (name: string) => readme.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';

  test('has a table row for every path kind', () => {
    expect(pathKinds.map(({ kind }) => kind).filter((kind) => row(kind) === '')).toEqual([]);
  });

  test('has a table row for every cause, with its meaning and whether it passes by itself', () => {
    const wrong = Object.entries(causes).filter(
      ([name, { meaning, temporary }]) =>
        row(name) !== `| \`${name}\` | ${meaning} | ${temporary ? 'usually' : 'no'} |`,
    );
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  test('has a table row for every metric, with its unit and its sentence', () => {
    const wrong = Object.entries(metrics).filter(
      ([name, { unit, emitted }]) => !row(name).includes(`| ${unit} |`) || !row(name).endsWith(`| ${emitted} |`),
    );
    expect(wrong.map(([name]) => name)).toEqual([]);
  });

  test('has a table row for every alarm, and says what it means, what to look at and what to do', () => {
    const wrong = Object.entries<Alarm>(alarms).filter(
      ([name, { severity, missingData, means, lookAt, whatToDo }]) =>
        !row(name).includes(`| ${severity} |`) ||
        !row(name).endsWith(`| ${missingData} |`) ||
        ![means, lookAt, whatToDo].every((sentence) => readme.includes(sentence)),
    );
    expect(wrong.map(([name]) => name)).toEqual([]);
  });
});

describe('packages', () => {
  type Lock = { packages: Readonly<Record<string, { version?: string; resolved?: string }>> };
  const lock = JSON.parse(textOf('package-lock.json')) as Lock;
  const manifest = JSON.parse(textOf('package.json')) as {
    dependencies: Readonly<Record<string, string>>;
    devDependencies: Readonly<Record<string, string>>;
  };

  test('the lock names no private registry', () => {
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
    const elsewhere = Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? []);
    expect(elsewhere.filter((url) => !url.startsWith('https://registry.npmjs.org/'))).toEqual([]);
  });

  test('every version is pinned, and is the one that the lock has', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
  });

  test('aws-cdk is of major 2: 3.0.0 was published by accident and cannot read today\u2019s assemblies', () => {
    expect(lock.packages['node_modules/aws-cdk']?.version).toMatch(/^2\./);
  });

  test('imapflow is 2.1.2: later ones ask for packages that the registry lacks', () => {
    expect(lock.packages['node_modules/imapflow']?.version).toBe('2.1.2');
  });
});
