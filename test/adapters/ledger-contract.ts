/** What every ledger answers; memory, file and DynamoDB all pass it. */
import { describe, expect, it } from 'vitest';
import type { Item, Ledger } from '../../lambdas/core/ports.ts';

let partitions = 0;
const freshPk = () => `contract#${partitions++}`;

const item = (pk: string, sk: string, more: Partial<Item> = {}): Item => ({ pk, sk, v: 1, body: { sk }, ...more });

/** Keys whose order by UTF-8 bytes is not the order of JavaScript strings: U+FFxx comes before every emoji. */
const sortedKeys = [
  '!',
  '0',
  '10',
  '2',
  'A',
  'Z',
  'a',
  'a ',
  'a!',
  'ab',
  'z',
  'é',
  '中',
  '\uff5a',
  '\u{1f426}',
  '\u{1f426}!',
];

const body = {
  text: 'Grüße, 中文, \u{1f426}, "quotes", \\, \u0000, \u2028',
  lone: '\ud800',
  numbers: [0, -1, 1.5, 1e-7, 1e21, Number.MAX_SAFE_INTEGER],
  nothing: null,
  yes: true,
  empty: [{}, [], ''],
  deep: { a: { b: { c: [1, { d: 2 }] } } },
};

export function ledgerContract(name: string, open: () => Ledger): void {
  describe(`ledger contract: ${name}`, () => {
    it('gives back what was put, and nothing for other keys', async () => {
      const ledger = open();
      const pk = freshPk();
      const full = item(pk, 'web-03/app/outside', { v: 3, order: 7, expires: 4_000_000_000, body });
      expect(await ledger.put(full)).toBe(true);
      expect(await ledger.get(pk, full.sk)).toStrictEqual(full);
      expect(await ledger.get(pk, 'web-04')).toBeUndefined();
      expect(await ledger.get(`${pk}#other`, full.sk)).toBeUndefined();
      expect(await ledger.list(pk)).toStrictEqual([full]);
    });

    it('replaces a whole item, so that an order or expiry that is left out is gone', async () => {
      const ledger = open();
      const pk = freshPk();
      await ledger.put(item(pk, 'a', { order: 1, expires: 4_000_000_000, body: { old: true } }));
      await ledger.put(item(pk, 'a', { v: 2, body: 'new' }));
      expect(await ledger.get(pk, 'a')).toStrictEqual({ pk, sk: 'a', v: 2, body: 'new' });
    });

    it('keeps bodies as JSON does: undefined fields are left out, dates become text', async () => {
      const ledger = open();
      const pk = freshPk();
      const at = new Date(0);
      await ledger.put(
        item(pk, 'a', { order: undefined, expires: undefined, body: { no: undefined, list: [undefined], at } }),
      );
      const expected = { pk, sk: 'a', v: 1, body: { list: [null], at: at.toISOString() } };
      expect(await ledger.get(pk, 'a')).toStrictEqual(expected);
      for (const value of [null, 0, '', false, []]) {
        await ledger.put(item(pk, 'plain', { body: value }));
        expect(await ledger.get(pk, 'plain')).toStrictEqual({ pk, sk: 'plain', v: 1, body: value });
      }
    });

    it('lists a partition in order of UTF-8 bytes', async () => {
      const ledger = open();
      const pk = freshPk();
      for (const sk of sortedKeys.toReversed()) await ledger.put(item(pk, sk));
      expect((await ledger.list(pk)).map(({ sk }) => sk)).toEqual(sortedKeys);
      expect(await ledger.list(`${pk}#other`)).toEqual([]);
    });

    it('lists a range with both ends included, open where a bound is missing', async () => {
      const ledger = open();
      const pk = freshPk();
      for (const sk of sortedKeys) await ledger.put(item(pk, sk));
      const keys = async (range: { from?: string; to?: string }) =>
        (await ledger.list(pk, range)).map(({ sk }) => sk).join();
      expect(await keys({ from: 'A', to: 'ab' })).toBe('A,Z,a,a ,a!,ab');
      expect(await keys({ from: 'a\u0000', to: 'aa' })).toBe('a ,a!');
      expect(await keys({ from: '\uff00' })).toBe('\uff5a,\u{1f426},\u{1f426}!');
      expect(await keys({ to: '1' })).toBe('!,0');
      expect(await keys({ from: 'ab', to: 'ab' })).toBe('ab');
      expect(await keys({ from: 'b', to: 'a' })).toBe('');
      expect(await keys({ from: '', to: '0' })).toBe('!,0');
      expect(await keys({ to: '' })).toBe('');
    });

    it('puts if absent only where no item is', async () => {
      const ledger = open();
      const pk = freshPk();
      expect(await ledger.put(item(pk, 'a', { body: 1 }), { absent: true })).toBe(true);
      expect(await ledger.put(item(pk, 'a', { body: 2 }), { absent: true })).toBe(false);
      expect(await ledger.get(pk, 'a')).toStrictEqual(item(pk, 'a', { body: 1 }));
      await ledger.remove(pk, 'a');
      expect(await ledger.put(item(pk, 'a', { body: 3 }), { absent: true })).toBe(true);
    });

    it('puts below a number only over nothing or a lower order, never over an item without one', async () => {
      const ledger = open();
      const pk = freshPk();
      const put = (order: number, below: number) => ledger.put(item(pk, 'a', { order, body: order }), { below });
      expect(await put(9, 9)).toBe(true);
      expect(await put(10, 10)).toBe(true);
      expect(await put(10, 10)).toBe(false);
      expect(await put(9, 9)).toBe(false);
      expect(await put(100, 100)).toBe(true);
      expect(await ledger.get(pk, 'a')).toStrictEqual(item(pk, 'a', { order: 100, body: 100 }));
      await ledger.put(item(pk, 'a', { body: 'no order' }));
      expect(await put(101, 101)).toBe(false);
      expect(await ledger.get(pk, 'a')).toStrictEqual(item(pk, 'a', { body: 'no order' }));
      await ledger.put(item(pk, 'negative', { order: -5 }));
      expect(await ledger.put(item(pk, 'negative', { order: 0 }), { below: 0 })).toBe(true);
    });

    it.each([{ absent: true } as const, { below: 8 }])('lets one of 20 concurrent puts win: %j', async (condition) => {
      const ledger = open();
      const pk = freshPk();
      const writers = Array.from({ length: 20 }, (_, n) => n);
      const answers = await Promise.all(
        writers.map((n) => ledger.put(item(pk, 'lease', { order: 8, body: n }), condition)),
      );
      expect(answers.filter((won) => won)).toHaveLength(1);
      expect((await ledger.get(pk, 'lease'))?.body).toBe(answers.indexOf(true));
    });

    it('removes an item, and removing nothing is no error', async () => {
      const ledger = open();
      const pk = freshPk();
      await ledger.put(item(pk, 'a'));
      await ledger.put(item(pk, 'b'));
      await ledger.remove(pk, 'a');
      await ledger.remove(pk, 'a');
      await ledger.remove(`${pk}#other`, 'a');
      expect((await ledger.list(pk)).map(({ sk }) => sk)).toEqual(['b']);
    });

    it('shares nothing with its callers', async () => {
      const ledger = open();
      const pk = freshPk();
      const mine = { routes: ['web-01'] };
      await ledger.put(item(pk, 'a', { body: mine }));
      mine.routes.push('web-02');
      const first = (await ledger.get(pk, 'a'))?.body as typeof mine | undefined;
      first?.routes.push('web-03');
      expect((await ledger.get(pk, 'a'))?.body).toEqual({ routes: ['web-01'] });
      expect((await ledger.list(pk))[0]?.body).toEqual({ routes: ['web-01'] });
    });

    it('lists a partition of several megabytes whole', async () => {
      const ledger = open();
      const pk = freshPk();
      const text = 'é'.repeat(60_000);
      const keys = Array.from({ length: 30 }, (_, n) => `item-${String(n).padStart(2, '0')}`);
      await Promise.all(keys.map((sk) => ledger.put(item(pk, sk, { body: text }))));
      const all = await ledger.list(pk);
      expect(all.map(({ sk }) => sk)).toEqual(keys);
      expect(all.every(({ body }) => body === text)).toBe(true);
      expect(await ledger.list(pk, { from: 'item-03', to: 'item-27' })).toHaveLength(25);
    });

    it('takes an item of just under 400 KB, and refuses a larger one by its key', async () => {
      const ledger = open();
      const pk = freshPk();
      expect(await ledger.put(item(pk, 'fits', { body: 'x'.repeat(409_000) }))).toBe(true);
      await expect(ledger.put(item(pk, 'lane#app.3', { body: 'x'.repeat(410_000) }))).rejects.toThrow(
        `ledger item "${pk}" / "lane#app.3": must have at most 409600 bytes (400 KB), got `,
      );
      expect(await ledger.get(pk, 'lane#app.3')).toBeUndefined();
    });

    it.each([
      ['an empty sk', { sk: '' }, 'sk must have 1 to 1024 bytes, got 0'],
      ['a long sk', { sk: 'é'.repeat(513) }, 'sk must have 1 to 1024 bytes, got 1026'],
      ['a lone surrogate', { sk: '\ud800' }, 'sk must be well-formed Unicode'],
      ['a broken order', { order: Number.NaN }, 'order must be an integer, got NaN'],
      ['a broken expiry', { expires: 1.5 }, 'expires must be an integer, got 1.5'],
      ['no body', { body: undefined }, 'its body is not JSON, got undefined'],
      ['a body that is not JSON', { body: 1n }, 'its body is not JSON'],
    ])('refuses %s', async (_, wrong, message) => {
      const ledger = open();
      await expect(ledger.put({ ...item(freshPk(), 'a'), ...wrong })).rejects.toThrow(message);
    });

    it('may still give an item that has expired, and never drops one that has not', async () => {
      const ledger = open();
      const pk = freshPk();
      await ledger.put(item(pk, 'old', { expires: 1 }));
      await ledger.put(item(pk, 'young', { expires: 4_000_000_000 }));
      await ledger.put(item(pk, 'for ever'));
      expect((await ledger.list(pk)).map(({ sk }) => sk).filter((sk) => sk !== 'old')).toEqual(['for ever', 'young']);
    });
  });
}
