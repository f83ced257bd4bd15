/** `check` and everybody else's mail: replies, forwards, forged, replayed and foreign canaries stay as they are, byte for byte. */
import { describe, expect, test } from 'vitest';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { foreignMails } from '../mailbox/mails.ts';
import { addresses, appYaml, random, smtpYaml, startCompany } from './company.ts';

const user = addresses.outside;

/** Raises one letter of a signature, so that key and form are right and it is not. */
const forge = (raw: string) =>
  raw
    .replace(/(m=)([0-9a-f])/, (_, tag: string, digit: string) => `${tag}${digit === '0' ? '1' : '0'}`)
    .replace(/\.([0-9a-f])([0-9a-f]{39}@)/, (_, digit: string, rest: string) => `.${digit === '0' ? '1' : '0'}${rest}`);

const foreignCanary = (): string => {
  const now = Date.now();
  const mail = mint('web-01/app/outside', Math.floor(now / 60_000), now, keyOf(random()), {
    from: 'orders@example.test',
    to: user,
    autoSubmitted: true,
  });
  const headers = Object.entries({ ...mail.headers, 'Message-ID': mail.messageId, Subject: mail.subject });
  return `${headers.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n${mail.text}`;
};

describe.concurrent('check', { timeout: 60_000 }, () => {
  test('touches nothing but its own canaries', async (context) => {
    const taken: string[] = [];
    let act = (_raw: string): void => undefined;
    const company = await startCompany(context, {
      relay: { hosted: ['supplier.test'] },
      deliver: (recipient, raw) => {
        act(raw.toString('latin1'));
        company.imap.store.deliver(recipient, 'INBOX', raw);
      },
    });
    const { store } = company.imap;
    const settings = company.file(
      'settings.yaml',
      `mailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    // The canary of an earlier check, kept by somebody who puts it back again and again.
    act = (raw) => void taken.push(raw);
    expect((await company.report(settings)).status).toBe(0);
    const [replayed = ''] = taken;
    expect(replayed).toContain('X-Mail-Canary: v=1;');
    expect(store.messages(user, 'INBOX')).toEqual([]);

    const flags = [['\\Seen'], ['\\Flagged', '$Label1'], ['\\Deleted'], ['\\Answered', '\\Draft']];
    const foreign = [
      ...Object.values(foreignMails('bcdfghjklmnpqrstvwxz')),
      foreignCanary(),
      replayed,
      forge(replayed),
      'Subject: 8 bit\r\n\r\n\xff\xfe\x80\x00 raw\r\n',
    ];
    for (const folder of ['INBOX', 'Junk', 'Archive', 'Sent'])
      foreign.forEach((raw, index) => {
        store.deliver(user, folder, Buffer.from(raw, 'latin1'), { flags: flags[index % flags.length] ?? [] });
      });
    // While the check runs: a forged and a quoting mail about the very canary that is under way.
    const during: string[] = [];
    act = (raw) => {
      const quoting = `Subject: Re: what is this?\r\nMessage-ID: <a@b>\r\n\r\n${raw.replace(/^/gm, '> ')}`;
      for (const mail of [forge(raw), quoting]) {
        during.push(mail);
        store.deliver(user, 'INBOX', Buffer.from(mail, 'latin1'), { flags: ['\\Flagged'] });
      }
    };
    const all = (folder: string) =>
      store.messages(user, folder).map(({ uid, flags: set, raw, internalDate }) => ({
        uid,
        internalDate,
        flags: [...set].sort(),
        raw: raw.toString('latin1'),
      }));
    const before = Object.fromEntries(store.folders(user).map(({ name }) => [name, all(name)]));
    const { status, report } = await company.report(settings);
    expect(status).toBe(0);
    expect(report.verdicts).toMatchObject([{ verdict: 'delivered', folder: 'INBOX' }]);
    const after = Object.fromEntries(store.folders(user).map(({ name }) => [name, all(name)]));
    const added = after.INBOX?.splice(before.INBOX?.length ?? 0) ?? [];
    expect(after).toEqual(before);
    expect(during).toHaveLength(2);
    expect(added.map(({ raw, flags: set }) => ({ raw, set }))).toEqual(
      during.map((raw) => ({ raw, set: ['\\Flagged'] })),
    );
  });

  test('two checks at the same time on one mailbox ignore each other’s canaries', async (context) => {
    const company = await startCompany(context, { relay: { hosted: ['supplier.test'] } });
    const settings = company.file(
      'settings.yaml',
      `mailboxes:\n${company.mailboxYaml('outside')}paths:\n${smtpYaml('mta', company.relay.port)}`,
    );
    const both = await Promise.all([company.report(settings), company.report(settings)]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(new Set(both.map(({ row }) => row('monitor/mta/outside')?.queueId)).size).toBe(2);
    expect(company.relay.counted().accepted).toBe(2);
    expect(company.imap.store.messages(user, 'INBOX')).toEqual([]);
  });

  test('a second check within the same minute asks the web host anew', async (context) => {
    const company = await startCompany(context);
    const host = await company.addHost('web-01');
    const settings = company.file(
      'settings.yaml',
      `lostAfter: 5 seconds\nmailboxes:\n${company.mailboxYaml('outside')}paths:\n${appYaml()}hosts:\n${host}`,
    );
    expect((await company.report(settings)).row('web-01/app/outside')?.cause).toBe('relay-denied');
    company.trust('web-01');
    const fixed = await company.report(settings);
    expect(fixed.row('web-01/app/outside')).toMatchObject({ verdict: 'delivered', cause: null });
    expect((await company.report(settings)).row('web-01/app/outside')?.verdict).toBe('delivered');
  });
});
