import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import { fileLedger } from '../../lambdas/adapters/ledger-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'mail-canary-ledger-'));
const files: { close(): void }[] = [];

const newPath = () => join(folder, `ledger-${files.length}.db`);

function openFile(path = newPath(), now?: () => number) {
  const ledger = fileLedger(path, now ? { now } : {});
  files.push(ledger);
  return ledger;
}

afterAll(() => {
  for (const file of files) file.close();
  rmSync(folder, { recursive: true });
});

describe('ledger file', () => {
  it('is there again after it was closed, for its owner only', async () => {
    const path = newPath();
    const first = openFile(path);
    await first.put({ pk: 'host', sk: 'web-03', v: 1, order: 4, body: { seat: 0 } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    first.close();
    first.close();
    await expect(first.get('host', 'web-03')).rejects.toThrow(`ledger ${path}: get host web-03: `);
    const again = openFile(path);
    expect(await again.list('host')).toEqual([{ pk: 'host', sk: 'web-03', v: 1, order: 4, body: { seat: 0 } }]);
  });

  it('lets two processes use it, one winner for each conditional put', async () => {
    const path = newPath();
    const [one, other] = [openFile(path), openFile(path)];
    expect(await one.put({ pk: 'clock', sk: 'lease', v: 1, body: 'one' }, { absent: true })).toBe(true);
    expect(await other.put({ pk: 'clock', sk: 'lease', v: 1, body: 'other' }, { absent: true })).toBe(false);
    expect((await other.get('clock', 'lease'))?.body).toBe('one');
  });

  it('loses nothing that it answered when its process is killed', async () => {
    const path = newPath();
    const module = join(import.meta.dirname, '../../lambdas/adapters/ledger-file.ts');
    const writer = `
      import { writeSync } from 'node:fs';
      import { fileLedger } from ${JSON.stringify(module)};
      const ledger = fileLedger(${JSON.stringify(path)});
      for (let n = 0; ; n++) {
        await ledger.put({ pk: 'n', sk: String(n).padStart(9, '0'), v: 1, body: { n, text: 'x'.repeat(n % 5000) } });
        writeSync(1, n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer], { stdio: ['ignore', 'pipe', 'pipe'] });
    let acks = '';
    let complaints = '';
    child.stdout.on('data', (chunk) => {
      acks += chunk;
      if (acks.length > 3000) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk) => {
      complaints += chunk;
    });
    const [, signal] = await once(child, 'close');
    expect({ signal, complaints }).toEqual({ signal: 'SIGKILL', complaints: '' });

    const acked = acks.split('\n').slice(0, -1).map(Number);
    expect(acked.length).toBeGreaterThan(500);
    const found = (await openFile(path).list('n')).map(({ body }) => (body as { n: number }).n);
    expect(found.slice(0, acked.length)).toEqual(acked);
    // At most the one whose answer was on its way.
    expect(found.length - acked.length).toBeLessThanOrEqual(1);
  });

  it('drops expired items now and then', async () => {
    let now = 1_000_000_000_000;
    const ledger = openFile(newPath(), () => now);
    await ledger.put({ pk: 'tally', sk: 'old', v: 1, expires: 1_000_000_100, body: 1 });
    await ledger.put({ pk: 'tally', sk: 'young', v: 1, expires: 1_000_009_000, body: 1 });
    now += 101_000;
    await ledger.put({ pk: 'tally', sk: 'soon', v: 1, body: 1 });
    expect(await ledger.list('tally')).toHaveLength(3);
    now += 600_000;
    await ledger.put({ pk: 'tally', sk: 'later', v: 1, body: 1 });
    expect((await ledger.list('tally')).map(({ sk }) => sk)).toEqual(['later', 'soon', 'young']);
  });

  it('refuses what is not its own, naming the path and leaving it as it was', () => {
    const text = join(folder, 'notes.txt');
    writeFileSync(text, 'somebody wrote this, and it is longer than a header of a hundred bytes '.repeat(3));
    const foreign = join(folder, 'foreign.db');
    new DatabaseSync(foreign).exec('CREATE TABLE somebody (thing)');
    const newer = join(folder, 'newer.db');
    openFile(newer).close();
    const change = new DatabaseSync(newer);
    change.exec('PRAGMA user_version = 2');
    change.close();

    for (const [path, why] of [
      [text, 'file is not a database'],
      [foreign, 'it is a database of something else'],
      [newer, 'its format is 2, this version of Mail Canary reads 1'],
    ] as const) {
      copyFileSync(path, `${path}.before`);
      expect(() => fileLedger(path)).toThrow(`cannot use ${path} as the ledger: ${why}`);
      expect(readFileSync(path).equals(readFileSync(`${path}.before`))).toBe(true);
    }
    const missing = join(folder, 'no-such-folder', 'ledger.db');
    expect(() => fileLedger(missing)).toThrow(`cannot use ${missing} as the ledger: ENOENT`);
    expect(() => fileLedger(folder)).toThrow(`cannot use ${folder} as the ledger: EISDIR`);
  });
});
