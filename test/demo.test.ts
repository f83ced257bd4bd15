/** The demo as people run it: the whole story within its time, an end at any moment, and systems with one loopback address. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, start } from './cli/tool.ts';

const demo = (env: Readonly<Record<string, string>> = {}) =>
  start(process.execPath, [join(root, 'demo/main.ts')], { env });

/** What a reader must have seen, in this order. */
const story = [
  /Two hosts, all well/,
  /web-01\/app\/outside +✓ arrived/,
  /Somebody adds a web host/,
  /web-03\/app\/outside +✗ refused by mail-gw\.example\.test: 554 5\.7\.1 .*Relay access denied/,
  /This is the trap\./,
  /── The incident ─/,
  /relay-denied by mail-gw\.example\.test: web-03/,
  /affected: purchase-orders, retractions for Acme, Globex/,
  /next step: /,
  /── The page, as on-call gets it ─/,
  /── The fix ─/,
  /web-03\/app\/outside +✓ arrived/,
  /── Over ─/,
  /is closed: /,
  /npm run check -- --settings mail-canary\.yaml/,
];

const inOrder = (text: string): string[] => {
  let rest = text;
  return story.flatMap((pattern) => {
    const found = pattern.exec(rest);
    if (found === null) return [String(pattern)];
    rest = rest.slice(found.index + found[0].length);
    return [];
  });
};

describe.concurrent('the demo', () => {
  test.each([
    ['an address for each host, where the system has them', {}],
    ['one address for all', { MAIL_CANARY_DEMO_ONE_ADDRESS: '1' }],
  ])('tells the whole story: %s', { timeout: 45_000 }, async (_what, env) => {
    const { status, stdout, stderr } = await demo(env).ended;
    expect(stderr).toBe('');
    expect(inOrder(stdout.replace(/\n +/g, ' '))).toEqual([]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toMatch(/! .* failed/);
    expect(status).toBe(0);
  });

  test('ends cleanly in the middle', { timeout: 45_000 }, async () => {
    const child = demo();
    await child.says(/✓ arrived/);
    child.kill('SIGINT');
    const { status, stdout, stderr } = await child.ended;
    expect([0, 130]).toContain(status);
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(/ at .*:\d+:\d+|Error:/);
  });
});
