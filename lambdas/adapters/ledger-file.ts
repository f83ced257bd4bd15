/** The ledger in one SQLite file, for `watch` and the demo: the whole product on a machine without AWS. */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { Ledger } from '../core/ports.ts';
import { checkBelow, checkKey, checkRange, readItem, type StoredItem, storeItem } from './ledger-item.ts';

/** "MCnr" in the file's header says that it is ours (https://www.sqlite.org/pragma.html#pragma_application_id). */
const applicationId = 0x4d436e72;
const format = 1;

/** How long a statement waits for another process (`silence`, `pause`) that writes at the same moment. */
const busyTimeout = 5_000;

/** Expired items are dropped at most this often, and so many at a time, so that no round waits for a big clean-up. */
const dropEvery = 600_000;
const dropAtMost = 1_000;

const schema = `
  CREATE TABLE items (
    pk TEXT NOT NULL, sk TEXT NOT NULL, v INTEGER NOT NULL, "order" INTEGER, expires INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (pk, sk)
  ) STRICT;
  CREATE INDEX expiring ON items (expires) WHERE expires IS NOT NULL;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${format};`;

const insert =
  'INSERT INTO items (pk, sk, v, "order", expires, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (pk, sk) DO';
const update =
  'UPDATE SET v = excluded.v, "order" = excluded."order", expires = excluded.expires, body = excluded.body';

type Row = Record<string, SQLOutputValue>;

const pragma = (database: DatabaseSync, name: string) => database.prepare(`PRAGMA ${name}`).get()?.[name];

/** Nothing is written into a file before it is known to be empty or ours: it may be somebody's database. */
function isEmpty(database: DatabaseSync): boolean {
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n);
  const id = Number(pragma(database, 'application_id'));
  const version = Number(pragma(database, 'user_version'));
  if (id === 0 && version === 0 && tables === 0) return true;
  if (id !== applicationId) throw new Error('it is a database of something else');
  if (version !== format) throw new Error(`its format is ${version}, this version of Mail Canary reads ${format}`);
  return false;
}

function prepareFile(database: DatabaseSync): void {
  if (isEmpty(database)) {
    database.exec('BEGIN IMMEDIATE');
    // Another process may have been first between the look and the lock.
    if (isEmpty(database)) database.exec(schema);
    database.exec('COMMIT');
  }
  // WAL alone survives a killed process. FULL also survives a power cut, which the order of confirm's writes needs:
  // with NORMAL a record could vanish after its mail was deleted, and that canary would be called lost.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
}

function openFile(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // SQLite would make the file readable for all; its -wal and -shm files get the mode of this one.
    closeSync(openSync(path, 'a', 0o600));
    database = new DatabaseSync(path, { timeout: busyTimeout });
    prepareFile(database);
    chmodSync(path, 0o600);
    return database;
  } catch (cause) {
    database?.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot use ${path} as the ledger: ${why}`, { cause });
  }
}

const fromRow = ({ pk, sk, v, order, expires, body }: Row) =>
  readItem({
    pk: String(pk),
    sk: String(sk),
    v: Number(v),
    ...(order !== null && { order: Number(order) }),
    ...(expires !== null && { expires: Number(expires) }),
    body: String(body),
  });

const values = ({ pk, sk, v, order, expires, body }: StoredItem) =>
  [pk, sk, v, order ?? null, expires ?? null, body] as const;

/**
 * Opens or makes the ledger file (mode 0600, with `-wal` and `-shm` beside it while it is open).
 * Every answered write survives `kill -9` and a power cut. Several processes may use one file on a local disk.
 * Expired items are dropped now and then, so they may still be read, as in DynamoDB.
 * Throws, naming the path, when the file cannot be opened, is not ours or has a newer format.
 */
export function fileLedger(
  path: string,
  { now = Date.now }: { readonly now?: () => number } = {},
): Ledger & { close(): void } {
  const database = openFile(path);
  const statements = {
    get: database.prepare('SELECT * FROM items WHERE pk = ? AND sk = ?'),
    list: database.prepare('SELECT * FROM items WHERE pk = ? AND sk >= ? ORDER BY sk'),
    listTo: database.prepare('SELECT * FROM items WHERE pk = ? AND sk >= ? AND sk <= ? ORDER BY sk'),
    put: database.prepare(`${insert} ${update}`),
    putAbsent: database.prepare(`${insert} NOTHING`),
    // An item without an order is not below anything: NULL < n does not hold.
    putBelow: database.prepare(`${insert} ${update} WHERE items."order" < ?`),
    remove: database.prepare('DELETE FROM items WHERE pk = ? AND sk = ?'),
    drop: database.prepare(
      'DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE expires < ? ORDER BY expires LIMIT ?)',
    ),
  };
  let dropped = 0;

  /** Runs a statement; SQLite's own words ("database is locked", "disk I/O error") do not name the file. */
  async function attempt<T>(what: string, run: () => T): Promise<T> {
    try {
      return run();
    } catch (cause) {
      throw new Error(`ledger ${path}: ${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }

  function dropExpired(): void {
    if (now() - dropped < dropEvery) return;
    dropped = now();
    statements.drop.run(Math.floor(dropped / 1000), dropAtMost);
  }

  return {
    get: async (pk, sk) => {
      checkKey(pk, sk);
      const row = await attempt(`get ${pk} ${sk}`, () => statements.get.get(pk, sk));
      return row && fromRow(row);
    },
    list: async (pk, range) => {
      const bounds = checkRange(pk, range);
      if (bounds === 'nothing') return [];
      const { from = '', to } = bounds;
      const rows = await attempt(`list ${pk}`, () =>
        to === undefined ? statements.list.all(pk, from) : statements.listTo.all(pk, from, to),
      );
      return rows.map(fromRow);
    },
    put: async (item, condition) => {
      const row = values(storeItem(item));
      const below = condition && checkBelow(item, condition);
      return attempt(`put ${item.pk} ${item.sk}`, () => {
        dropExpired();
        if (!condition) return statements.put.run(...row).changes === 1;
        const { changes } =
          below === undefined ? statements.putAbsent.run(...row) : statements.putBelow.run(...row, below);
        return changes === 1;
      });
    },
    remove: async (pk, sk) => {
      checkKey(pk, sk);
      await attempt(`remove ${pk} ${sk}`, () => statements.remove.run(pk, sk));
    },
    close: () => {
      if (database.isOpen) database.close();
    },
  };
}
