/** Killed again and again at any moment: every canary that was expected gets exactly one verdict. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { openState } from '../../bin/watch/state.ts';
import { itemsOf } from '../../lambdas/core/items.ts';
import { slotAt, slotStart } from '../../lambdas/core/judge.ts';
import { parseRoute } from '../../lambdas/core/monitor.ts';
import { loadSettings } from '../../lambdas/settings/load.ts';
import { addresses, appYaml, smtpYaml, startCompany, type Test } from './company.ts';
import { wireFast } from './fast-watch.ts';
import { root, start } from './tool.ts';
import { resolver, until } from './waiting.ts';

export const survivesKills = async (context: Test): Promise<void> => {
  const accepted = new Set<string>();
  const company = await startCompany(context, {
    relay: { trusted: ['mta.example.test'] },
    deliver: (recipient, raw) => {
      const [, route, slot] = /^X-Mail-Canary: .*?r=([^;]+);\s*s=(\d+);/ms.exec(raw.toString()) ?? [];
      accepted.add(`${route} ${slot}`);
      company.imap.store.deliver(recipient, 'INBOX', raw);
    },
  });
  for (const id of ['web-01', 'web-02']) company.trust(id);
  const hosts = await Promise.all(['web-01', 'web-02'].map(company.addHost));
  const file = company.file(
    'settings.yaml',
    `every: 1 minute
deliverWithin: 9 minutes
lostAfter: 10 minutes
mailboxes:
${company.mailboxYaml('inside')}${company.mailboxYaml('outside')}ourDomains: [example.test]
paths:
${appYaml()}${smtpYaml('mta', company.relay.port)}hosts:
${hosts.join('')}`,
  );
  const folder = join(company.folder, 'state');
  const first = slotAt(Date.now(), { tick: 1000 });
  for (const turn of [0, 1, 2, 3, 4]) {
    const child = start(process.execPath, [join(root, 'test/cli/fast-watch.ts'), file, folder], {
      cwd: company.folder,
      env: company.secrets,
      secrets: Object.values(company.secrets),
    });
    // Both mailboxes are proven before the first kill; a new one would get one canary in 15 minutes (here: seconds).
    const proven = () =>
      ['inside', 'outside'].every((name) => new RegExp(`/${name} \\d+ delivered\n`).test(child.stdout()));
    await child.says(/resumed \d+\n/);
    if (turn === 0) await until(proven);
    await sleep(200 + Math.random() * 2500);
    child.kill('SIGKILL');
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL', stderr: '' });
  }
  const state = openState(folder);
  context.onTestFinished(state.close);
  const { settings } = loadSettings(join(company.folder, file), 'local');
  const onProblem = (what: string, error: unknown) => {
    throw new Error(what, { cause: error });
  };
  const { local, monitor } = wireFast({ settings, secret: resolver(company), state, tellers: [], onProblem });
  const items = itemsOf(state.ledger);
  const last = slotAt(Date.now(), monitor.limits);
  const slots = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const expected = (await Promise.all(slots.map((slot) => items.batches(slot))))
    .flat()
    .flatMap(({ slot, routes }) => routes.map((route) => `${route} ${slot}`));
  /** Every verdict that was ever counted, by the time of its slot: records are folded away, tallies are not. */
  const verdicts = async () =>
    (await items.tallies(0))
      .flatMap(({ points }) => points)
      .filter(({ name, dimensions }) => name === 'Canaries' && dimensions.Path !== undefined)
      .flatMap(({ at, dimensions: { Path, Mailbox, Verdict }, counts }) =>
        Array.from({ length: counts.reduce((a, b) => a + b, 0) }, () => `${Path} ${Mailbox} ${at} ${Verdict}`),
      );
  await local.resume();
  await until(async () => {
    const round = await local.confirm();
    if (round === undefined) return false;
    expect(round.problems).toEqual([]);
    return round.pending.length === 0 && (await verdicts()).length >= expected.length;
  });
  await local.confirm();
  await local.stop();

  expect(expected.length).toBeGreaterThan(15);
  expect(new Set(expected).size).toBe(expected.length);
  // Killed before it was sent, and too long ago to be sent at the next start: not sent, and nobody is blamed.
  const due = expected.map((canary) => {
    const [route = '', slot] = canary.split(' ');
    const { path, mailbox } = parseRoute(route);
    return `${path} ${mailbox} ${slotStart(Number(slot), monitor.limits)} ${accepted.has(canary) ? 'delivered' : 'unsent'}`;
  });
  expect((await verdicts()).sort()).toEqual(due.sort());
  expect(await items.incidents()).toEqual([]);
  for (const user of Object.values(addresses)) expect(company.imap.store.messages(user, 'INBOX')).toEqual([]);
};
