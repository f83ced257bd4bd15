/** Bugs on purpose: textual patches of the core, each of which the checker has to find. Adding one is adding a row. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Rounds } from './world.ts';

type Patch = { readonly file: string; readonly from: string; readonly to: string };

const patch = (file: string, from: string, to: string): Patch => ({ file, from, to });

export const planted: Readonly<Record<string, readonly Patch[]>> = {
  'a partial look calls canaries lost': [
    patch('sighting', 'return look.complete\n', 'return look.complete || look.at > 0\n'),
  ],
  'a look that began before the deadline calls canaries lost': [
    patch('judge', "sighting.state === 'absent' && sighting.lookedAt >= due", "sighting.state === 'absent'"),
  ],
  'the last call is forgotten': [patch('looking', '{ ...look, at: Math.min(look.at, now) }', 'look')],
  'a batch is queued before it is stored': [
    patch(
      'plan',
      'for (const batch of batches) await items.putBatch',
      'await ports.queue.send(batches.map((batch) => ({ batch: { ...batch, hosts: view.hosts }, delay: 0 })));\n    for (const batch of batches) await items.putBatch',
    ),
  ],
  'the cursor passes mail that waits': [patch('mailbox-after', 'Math.min(at.uidNext, ...uids)', 'at.uidNext')],
  'the cursor moves before anything is settled': [
    patch(
      'confirm',
      '  // 4 settle',
      '  for (const [name, look] of looks)\n    if (look.state === "looked") await items.putMailbox(name, { unseen: 0, ...states.get(name), cursor: look.cursor }, round);\n  // 4 settle',
    ),
  ],
  'mail is removed before it is recorded': [
    patch(
      'confirm',
      '  // 4 settle',
      '  for (const [name, { own }] of sorted)\n    await ports.mailboxes[name]?.remove(own.map(({ mail }) => mail.place)).catch(() => 0);\n  // 4 settle',
    ),
  ],
  'mail whose batch was stored after the round read is removed': [
    patch('settle', 'slot >= young && !expected.has(id)', 'slot > Number.MAX_VALUE && !expected.has(id)'),
  ],
  'canaries of a host that came back are judged again': [
    patch('looking', '(route: RouteId) => (since', '(route: RouteId) => true || (since'),
  ],
  'the newest copy decides': [
    patch('sighting', '(a, b) => a.arrivedAt - b.arrivedAt', '(a, b) => b.arrivedAt - a.arrivedAt'),
  ],
  'the quickest copy decides, not the earliest': [
    patch('settle', 'sighting.arrivedAt < sentAt + record.took', 'sighting.arrivedAt - sighting.sentAt < record.took'),
  ],
  '"open" moves with the clock even if the round dies': [
    patch('lease', 'const next = { ...base, round', 'const next = { ...base, open: Math.max(base.open, oldest), round'),
  ],
  'the lease is not respected': [
    patch('lease', 'last.leaseUntil > now) return undefined', 'last.leaseUntil > now * 2) return undefined'),
  ],
  'an incident closes while nobody can look': [
    patch(
      'lifecycle',
      "const healthy = state?.health === 'healthy' &&",
      "const healthy = memory.records.at(-1)?.verdict === 'blind' || state?.health === 'healthy' &&",
    ),
    patch(
      'findings',
      "return state.health === 'failing'\n",
      "return memory.records.at(-1)?.verdict !== 'blind' && state.health === 'failing'\n",
    ),
  ],
  'an incident closes before enough canaries arrived': [
    patch('lifecycle', " && state.recent.endsWith('g'.repeat(limits.healthy))", ''),
    patch('lane', "trailing(recent, 'g') < limits.healthy", "trailing(recent, 'g') < limits.healthy - 1"),
  ],
  'a correction heals a host': [
    patch(
      'lane',
      "was !== undefined && verdicts[was].says === 'bad' ? 'bad'",
      "was !== undefined && verdicts[was].says === 'bad' ? 'good'",
    ),
  ],
  'blind counts as good': [patch('words', "blind: { says: 'unknown'", "blind: { says: 'good'")],
  'unsent counts as bad': [patch('words', "unsent: { says: 'unknown'", "unsent: { says: 'bad'")],
  'a dead round is not tallied': [patch('confirm', 'dead = clock.ended + 1;', 'dead = round;')],
  'a correction is counted twice': [
    patch('settle', 'round: record?.was === undefined ? round : record.round', 'round'),
  ],
  'a mail seen again counts as a correction': [
    patch('settle', 'return record.took === undefined || (', 'return record.took !== 0 || ('),
  ],
  'told moves before anybody was told': [
    patch(
      'confirm',
      'await ports.teller.tell(untold',
      'for (const incident of untold) await items.putIncident({ ...incident, told: incident.version }, round);\n    await ports.teller.tell(untold',
    ),
  ],
  'a tally is done before CloudWatch took it': [
    patch(
      'confirm',
      'await ports.metrics.publish(tally.points);\n',
      'await items.putTallyDone(tally, now);\n      await ports.metrics.publish(tally.points);\n',
    ),
  ],
  'a forged canary is ours': [
    patch('canary', "same(tags.get('m') ?? '', sign(key, 'header', route, slot, sentAt))", "tags.has('m')"),
  ],
  'what was left behind is never looked for again': [
    patch('looking', 'sweep: now - Math.max(', 'sweep: -Math.max(now, '),
  ],
  'nobody makes the last call': [patch('looking', 'ask.lastCall.push(id)', 'ask.lastCall.concat(id)')],
  'a canary sent again has another id': [
    patch(
      'canary',
      'const id = canaryId(route, slot);',
      'const id = canaryId(route, slot + (sentAt - slot * 60_000 > 55_000 ? 1 : 0));',
    ),
  ],
  'handovers are overwritten': [
    patch(
      'items',
      'body: encodeHandovers(handovers),\n        },\n        { absent: true },',
      'body: encodeHandovers(handovers),\n        },',
    ),
  ],
  'a refusal waits for the mailbox': [
    patch(
      'judge',
      "if (handover?.state === 'refused') {",
      "if (handover?.state === 'refused' && sighting.state !== 'dark') {",
    ),
  ],
  'what nobody could be asked about is lost': [
    patch('weigh', "seen.state === 'absent' && asked.unasked.has(id)", "asked.unasked.has('')"),
  ],
  'a host with its own clock gets no time': [patch('judge', ' + period + limits.sendBy', ' + limits.sendBy')],
  'canaries of slow clocks are read no more': [
    patch('confirm', 'limits.lostAfter + limits.patience + 2', 'limits.lostAfter + 2'),
  ],
  'a host speaks for another': [
    patch('canary', "key.host === route?.split('/')[0]", 'key.host.length > 0'),
    patch('mail-index', "(by === 'every' || by === host)", 'by.length > 0'),
  ],
  'a route that joins an outage opens another incident': [
    patch('diagnose', 'if (current !== undefined) result', 'if (current?.id === key) result'),
  ],
};

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The rounds with one bug in them: a copy of the core outside of node_modules, where Node would not strip types. */
export const plant = async (name: string): Promise<Rounds> => {
  const folder = `${root}.mail-canary/planted/${name.replaceAll(/[^a-z]+/gi, '-')}`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(`${root}lambdas/core`, folder, { recursive: true });
  for (const { file, from, to } of planted[name] ?? []) {
    const path = `${folder}/${file}.ts`;
    const parts = (await readFile(path, 'utf8')).split(from);
    if (parts.length !== 2)
      throw new Error(`"${name}": ${file}.ts must have this text once, has it ${parts.length - 1} times: ${from}`);
    await writeFile(path, parts.join(to));
  }
  const load = (file: string) => import(/* @vite-ignore */ pathToFileURL(`${folder}/${file}.ts`).href);
  const [plan, send, confirm, discover] = await Promise.all(['plan', 'send', 'confirm', 'discover'].map(load));
  return { plan: plan.plan, send: send.send, confirm: confirm.confirm, discover: discover.discover };
};
