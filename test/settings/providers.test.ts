/** What known providers take: presets, settings that would not fit, and whether what is proposed does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSettings, SettingsError } from '../../lambdas/settings/load.ts';
import { monitorOf } from '../../lambdas/settings/monitor.ts';
import { receivingWarnings } from '../../lambdas/settings/receiving.ts';

/** Settings by what matters to a provider. */
type Fleet = {
  readonly hosts: number;
  readonly imap: string;
  /** Mailboxes, all of one group, or one without a group. */
  readonly group?: number;
  readonly every?: string;
  readonly paths?: Readonly<Record<string, string>>;
  readonly prefix?: string;
};

const yamlOf = ({ hosts, imap, group, every = '10 minutes', paths = { mta: '' }, prefix = 'out' }: Fleet) => {
  const names = Array.from({ length: group ?? 1 }, (_, index) => (group === undefined ? 'out' : `${prefix}-${index}`));
  return `
every: ${every}
mailboxes:
${names
  .map(
    (name) => `  ${name}:
    address: ${name}@other.example
    imap: { host: ${imap} }
    auth: { kind: password, user: ${name}@other.example, secret: env:PASSWORD }
${group === undefined ? '' : '    group: outside\n'}`,
  )
  .join('')}
paths:
${Object.entries(paths)
  .map(([name, fields]) => `  ${name}: { from: orders@example.com, kind: smtp, host: "{host.address}"${fields} }`)
  .join('\n')
  .replaceAll(/from: orders@example\.com, (.*from: )/g, '$1')
  .replaceAll(/kind: smtp, host: "\{host\.address\}", (.*kind: )/g, '$1')}
hosts:
${Array.from({ length: hosts }, (_, index) => `  - { id: web-${index}, address: 10.0.0.${index % 250}, paths: [${Object.keys(paths)}] }`).join('\n')}
`;
};

const refusalOf = (text: string): string | undefined => {
  try {
    parseSettings(text, 'mail-canary.yaml', 'local');
    return undefined;
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
};
const microsoft = 'outlook.office365.com';

/** The fleet as the message wants it, once for each way. */
const waysOf = (message: string, fleet: Fleet): Fleet[] => {
  const [, mailboxes] = /(\d+) mailboxes in (?:a group|group outside), each/.exec(message) ?? [];
  const [, minutes, paths] = /"every: (\d+) minutes" for paths? ([a-z, ]+) would fit/.exec(message) ?? [];
  const slower = Object.fromEntries(
    Object.entries(fleet.paths ?? { mta: '' }).map(([name, fields]) => [
      name,
      paths?.split(', ').includes(name)
        ? `${fields.replace(/, every: [^,}]+/, '')}, every: ${minutes} minutes`
        : fields,
    ]),
  );
  return [
    ...(mailboxes === undefined ? [] : [{ ...fleet, group: Number(mailboxes) }]),
    ...(minutes === undefined ? [] : [{ ...fleet, paths: slower }]),
  ];
};

describe('what a mailbox receives', () => {
  test('Microsoft 365 takes 1,200 an hour from one sender: 6 by the cadence and 4 second tries of 120 routes', () => {
    expect(refusalOf(yamlOf({ hosts: 120, imap: microsoft }))).toBeUndefined();
    expect(refusalOf(yamlOf({ hosts: 121, imap: microsoft.toUpperCase() }))).toBe(
      'mailboxes.out would get up to 1210 canaries in one hour from orders@example.com when an outage ends and failing routes are tried again, and Microsoft 365 takes 1200 from one sender: 2 mailboxes in a group, each an account of its own, or "every: 11 minutes" for path mta would fit (mail-canary.yaml:4)',
    );
    expect(refusalOf(yamlOf({ hosts: 121, imap: 'imap.other.example' }))).toBeUndefined();
  });

  test('and 3,600 an hour from all: four senders below their own limit are too many together', () => {
    const paths = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, `, from: ${name}@example.com`]));
    expect(refusalOf(yamlOf({ hosts: 90, imap: microsoft, paths }))).toBeUndefined();
    expect(refusalOf(yamlOf({ hosts: 91, imap: microsoft, paths }))).toMatch(
      /^mailboxes\.out would get up to 3640 canaries in one hour when .* and Microsoft 365 takes 3600: /,
    );
  });

  test.each([
    ['imap.gmail.com', 'Gmail', 60],
    ['imap.googlemail.com', 'Gmail', 60],
    ['imap.zoho.eu', 'Zoho', 100],
    ['imappro.zoho.com.au', 'Zoho', 100],
  ])('%s: in the worst minute every route has a canary, and no cadence changes that', (imap, who, most) => {
    expect(refusalOf(yamlOf({ hosts: most, imap }))).toBeUndefined();
    const message = refusalOf(yamlOf({ hosts: most + 1, imap, every: '6 hours' }));
    expect(message).toMatch(
      new RegExp(
        `would get up to ${most + 1} canaries in one minute when .* and ${who} takes ${most}: \\d+ mailboxes in a group, each an account of its own, would fit \\(`,
      ),
    );
  });

  test('hosts that send by their own clock are not tried again', () => {
    const paths = { cron: ', kind: heartbeat, every: 10 minutes' };
    expect(refusalOf(yamlOf({ hosts: 200, imap: microsoft, paths }))).toBeUndefined();
    expect(refusalOf(yamlOf({ hosts: 201, imap: microsoft, paths }))).toMatch(/up to 1206 canaries in one hour/);
  });

  test('second tries stop at 50 a minute and path', () => {
    const paths = { mta: ', every: 1 day' };
    expect(refusalOf(yamlOf({ hosts: 2000, imap: microsoft, group: 2, paths }))).toMatch(/up to 30\d\d canaries/);
  });

  test('a group is counted as its hosts are spread, and answered once', () => {
    expect(refusalOf(yamlOf({ hosts: 200, imap: microsoft, group: 2 }))).toBeUndefined();
    const message = refusalOf(yamlOf({ hosts: 300, imap: microsoft, group: 2 }));
    expect(message?.split('\n')).toHaveLength(1);
    expect(message).toMatch(/^mailboxes\.out-\d .*: 4 mailboxes in group outside, each an account of its own, or /);
  });

  test('mailboxes of one account share what it may receive', () => {
    const two = yamlOf({ hosts: 61, imap: microsoft }).replace(
      'paths:\n',
      `  plus:
    address: out+plus@other.example
    imap: { host: ${microsoft} }
    auth: { kind: password, user: OUT@other.example, secret: env:PASSWORD }
paths:
`,
    );
    expect(refusalOf(two)).toMatch(
      /^mailboxes\.out would get up to 1220 canaries .* tried again together with plus, which is the same account, and/,
    );
    expect(refusalOf(two.replace('OUT@', 'another@'))).toBeUndefined();
  });

  test('strangers are tried once a day, which is nothing', () => {
    const paths = { strangers: ', port: 25, from: stranger@elsewhere.example, mustRefuse: openRelay' };
    expect(refusalOf(yamlOf({ hosts: 200, imap: microsoft, paths }))).toBeUndefined();
  });
});

describe('what is proposed', () => {
  const fleets: fc.Arbitrary<Fleet> = fc
    .record({
      hosts: fc.integer({ min: 61, max: 250 }),
      imap: fc.constantFrom(microsoft, 'imap.gmail.com', 'imap.zoho.com'),
      group: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      every: fc.constantFrom('2 minutes', '10 minutes', '1 hour'),
      prefix: fc.stringMatching(/^[a-z]{1,8}$/),
      paths: fc.dictionary(
        fc.constantFrom('mta', 'app', 'other'),
        fc.constantFrom(
          '',
          ', every: 1 minute',
          ', every: 30 minutes',
          ', from: a@example.com',
          ', from: a@example.com, every: 3 minutes',
          ', kind: heartbeat',
        ),
        { minKeys: 1, noNullPrototype: true },
      ),
    })
    .map((fleet): Fleet => {
      const { group, ...rest } = fleet;
      return group === undefined ? rest : { ...rest, group };
    });

  test('fits: the settings that the message asks for are taken', () => {
    let refused = 0;
    let ways = 0;
    fc.assert(
      fc.property(fleets, (fleet) => {
        const message = refusalOf(yamlOf(fleet));
        if (message === undefined) return;
        refused += 1;
        const better = waysOf(message, fleet);
        expect(better.length).toBeGreaterThan(0);
        ways += better.length;
        for (const one of better) expect(refusalOf(yamlOf(one))).toBeUndefined();
      }),
      { numRuns: 30, seed: 11, endOnFailure: true },
    );
    expect(refused).toBeGreaterThan(15);
    expect(ways).toBeGreaterThan(refused);
  });

  test('is a cadence that the kind of path takes: hosts with their own clock divide the hour', () => {
    const fleet = { hosts: 140, imap: microsoft, paths: { cron: ', kind: heartbeat, every: 2 minutes' } };
    const message = refusalOf(yamlOf(fleet));
    expect(message).toMatch(/or "every: 10 minutes" for path cron would fit/);
    expect(refusalOf(yamlOf({ ...fleet, paths: { cron: ', kind: heartbeat, every: 10 minutes' } }))).toBeUndefined();
    expect(refusalOf(yamlOf({ ...fleet, paths: { cron: ', kind: heartbeat, every: 6 minutes' } }))).toBeDefined();
  });

  test('a cadence that is a minute faster would not have fitted', () => {
    const fleet = { hosts: 290, imap: microsoft, every: '1 minute' };
    const message = refusalOf(yamlOf(fleet)) ?? '';
    const minutes = Number(/"every: (\d+) minutes"/.exec(message)?.[1]);
    expect(refusalOf(yamlOf({ ...fleet, every: `${minutes} minutes` }))).toBeUndefined();
    expect(refusalOf(yamlOf({ ...fleet, every: `${minutes - 1} minutes` }))).toBeDefined();
  });
});

describe('connections', () => {
  const entries = (count: number, imap: string, { bounces = 0, user = 'canary@gmail.example' } = {}) => `
mailboxes:
${Array.from(
  { length: count },
  (_, index) => `  box-${index}:
    address: canary+${index}@gmail.example
    imap: { host: ${imap} }
    auth: { kind: password, user: ${user}, secret: env:PASSWORD }
`,
).join('')}
bounces:
${
  bounces === 0
    ? '  {}'
    : Array.from(
        { length: bounces },
        (_, index) => `  back-${index}:
    imap: { host: ${imap} }
    auth: { kind: password, user: ${user}, secret: env:PASSWORD }
`,
      ).join('')
}
paths: { mta: { kind: smtp, host: "{host.address}", from: orders@example.com } }
hosts: [{ id: web-01, address: 10.0.0.1, paths: [mta], mailboxes: [box-0] }]
`;

  test.each([
    ['imap.gmail.com', 'Gmail', 15, 7],
    [microsoft, 'Microsoft 365', 20, 10],
  ])('%s: every entry of an account needs one, and check another', (imap, who, takes, most) => {
    expect(refusalOf(entries(most, imap))).toBeUndefined();
    expect(refusalOf(entries(most + 1, imap))).toMatch(
      new RegExp(
        `^mailboxes\\.box-${most} is entry ${most + 1} of account canary@gmail\\.example, and ${who} takes ${takes} IMAP connections of one account at one time: each entry needs one, and another while "check" runs beside the monitor, so at most ${most} entries would fit`,
      ),
    );
  });

  test('the mailboxes of bounces count as well', () => {
    expect(refusalOf(entries(5, 'imap.gmail.com', { bounces: 2 }))).toBeUndefined();
    expect(refusalOf(entries(5, 'imap.gmail.com', { bounces: 3 }))).toMatch(/^bounces\.back-2 is entry 8 of account/);
  });

  test('a server that we do not know may take more', () => {
    expect(refusalOf(entries(30, 'imap.other.example'))).toBeUndefined();
  });
});

describe('a provider that publishes no figure', () => {
  const warningsFor = (fleet: Fleet) => receivingWarnings(parseSettings(yamlOf(fleet), 'x.yaml', 'local').settings);

  test('is warned of when its mailbox gets much', () => {
    expect(warningsFor({ hosts: 6, imap: 'imap.mail.yahoo.com' })).toEqual([]);
    expect(warningsFor({ hosts: 7, imap: 'imap.mail.yahoo.com' })).toEqual([
      'mailbox out would get up to 70 canaries in one hour when an outage ends, and Yahoo publishes no figure of what a mailbox may receive: spread the hosts over a group if it begins to refuse',
    ]);
    for (const imap of ['imap.fastmail.com', 'imap.mail.me.com'])
      expect(warningsFor({ hosts: 7, imap })).toHaveLength(1);
    for (const imap of ['imap.other.example', microsoft]) expect(warningsFor({ hosts: 7, imap })).toEqual([]);
  });
});

describe('what a path sends', () => {
  const sending = (hosts: number, smtp: string, { group }: { group?: number } = {}) =>
    yamlOf({
      hosts,
      imap: 'imap.other.example',
      paths: { mta: `, kind: smtp, host: ${smtp}` },
      ...(group === undefined ? {} : { group }),
    });

  test('a path that would send more a day than its provider takes is refused, with what would fit', () => {
    expect(refusalOf(sending(13, 'smtp.gmail.com'))).toBeUndefined();
    expect(refusalOf(sending(14, 'smtp.gmail.com'))).toMatch(
      /^paths\.mta would send 2016 canaries a day, and Gmail takes 2000 from one account: "every: 11 minutes" would fit /,
    );
  });

  test('a group is one mailbox for each host', () => {
    expect(refusalOf(sending(13, 'smtp.gmail.com', { group: 5 }))).toBeUndefined();
    expect(refusalOf(sending(14, 'smtp.gmail.com', { group: 5 }))).toMatch(/would send 2016 canaries a day/);
  });

  test('a known provider presets perDay, and the settings may say less', () => {
    const perDay = (smtp: string) =>
      monitorOf(parseSettings(sending(1, smtp), 'x.yaml', 'local').settings).paths.mta?.perDay;
    expect(perDay('SMTP.office365.com')).toBe(10_000);
    expect(perDay('"{host.address}"')).toBeUndefined();
    expect(perDay('smtp.gmail.com, perDay: 5')).toBe(5);
  });
});
