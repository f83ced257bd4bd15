/** The `heartbeat` path itself: its settings, what nobody may ask of it, and the script for Windows, which cannot be run here. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { powerShellScript, shellScript } from '../../bin/enroll/script.ts';
import { keyOf, mint } from '../../lambdas/core/canary.ts';
import { fleetKey, hostKey } from '../../lambdas/core/enrolment.ts';
import { heartbeat } from '../../lambdas/paths/heartbeat/index.ts';
import { delayOf, isNoteUrl, minutesOf, shape } from '../../lambdas/paths/heartbeat/settings.ts';
import { pathContext } from './context.ts';
import { addresses, enrolledOf, from, master, relayAt } from './heartbeat-harness.ts';
import { host, mail } from './smtp-harness.ts';

const parse = (settings: object) => z.strictObject(shape).safeParse(settings);
const settingsOf = (settings: object) => z.strictObject(shape).parse(settings);
const mistake = (settings: object) =>
  parse(settings).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);

describe('settings', () => {
  test('every 15 minutes through sendmail, with a delay of up to a third of it, unless said otherwise', () => {
    const settings = settingsOf({});
    expect(settings).toEqual({ every: 15 * 60_000, via: 'sendmail' });
    expect([minutesOf(settings), delayOf(settings)]).toEqual([15, 300]);
    expect(delayOf(settingsOf({ every: '1 hour', delay: '90 s' }))).toBe(90);
  });

  test.each(['7 minutes', '45 minutes', '90 s', '2 hours', '30 s'])(
    'every %s is no period that divides an hour',
    (every) => {
      expect(mistake({ every })).toEqual([expect.stringMatching(/^every must be /)]);
    },
  );

  test.each([
    [{ via: 'mailx' }, 'via must be sendmail or smtp, got "mailx"'],
    [{ relay: { host: '{host.address}' } }, 'relay.host must be an IP address or a host name, got "{host.address}"'],
    [
      { noteUrl: 'ftp://x' },
      'noteUrl must be an https URL without user and fragment (http only to a private address or to a name without dots), got "ftp://x"',
    ],
  ])('%j', (settings, words) => {
    expect(mistake(settings)).toEqual([words]);
  });

  test.each([
    ['https://abc.lambda-url.eu-west-1.on.aws/', true],
    ['https://monitor.example.com:8443/tell?from=hosts', true],
    ['http://10.0.0.5:8025/', true],
    ['http://[fd00::1]:8025/', true],
    ['http://localhost:8025/', true],
    ['http://monitor:8025/', true],
    ['http://monitor.example.com/', false],
    ['http://203.0.113.7/', false],
    ['https://user:secret@monitor.example.com/', false],
    ["https://monitor.example.com/'; rm -rf", false],
    ['https://monitor.example.com/`id`', false],
    ['file:///etc/passwd', false],
    ['nothing', false],
  ])('tellings go to %s: %s', (url, fits) => {
    expect(isNoteUrl(url)).toBe(fits);
  });

  test.each([
    [{ via: 'smtp' }, ['relay']],
    [{ relay: { host: 'mail-gw' } }, ['relay']],
    [{ delay: '8 minutes' }, ['delay']],
    [{ delay: '7 minutes', via: 'smtp', relay: { host: 'mail-gw' } }, []],
  ])('what does not fit together in %j', (settings, keys) => {
    const found = heartbeat.mistakes?.(settingsOf(settings), { deployed: false }) ?? [];
    expect(found.map(({ key }) => key)).toEqual(keys);
  });

  test('the mail leaves from the host, by its own clock, with no permission of ours', () => {
    const settings = settingsOf({});
    expect(heartbeat).toMatchObject({ kind: 'heartbeat', byHost: true });
    expect([heartbeat.leavesFromHost(settings), heartbeat.sharedServer(settings)]).toEqual([true, undefined]);
    expect([heartbeat.needs(settings), heartbeat.secrets(settings)]).toEqual([[], []]);
  });

  test('nobody sends for such a host', async () => {
    const send = heartbeat.open(settingsOf({}), pathContext());
    if (typeof send !== 'function') throw new Error('a heartbeat path takes no wave');
    await expect(send(mail, host, AbortSignal.timeout(100))).rejects.toThrow('by their own clock');
  });
});

describe('the script for Windows', () => {
  const enrolled = enrolledOf(
    { ...relayAt(25), every: '5 minutes' },
    { mailboxes: Object.entries(addresses), noteUrl: 'https://monitor.example.com/tell' },
  );
  const text = powerShellScript(enrolled);
  const code = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');

  test('has every value, and nothing left to fill in', () => {
    expect(text).not.toMatch(/@[a-zA-Z]+@/);
    for (const line of [
      "$HostName = 'web-01'",
      "$PathName = 'cron'",
      '$Generation = 1',
      '$Fleet = $false',
      `$Secret = '${enrolled.key.secret}'`,
      `$KeyId = '${enrolled.key.id}'`,
      `$From = '${from}'`,
      `$Mailboxes = @('outside=${addresses.outside}', 'inside=${addresses.inside}')`,
      '$Minutes = 5',
      '$Delay = 100',
      '$RelayPort = 25',
      "$NoteUrl = 'https://monitor.example.com/tell'",
    ])
      expect(text.split('\n')).toContain(line);
  });

  test('is ASCII, so that no editor, console or encoding of Windows changes it', () => {
    expect(text).toMatch(/^[\x09\x0a\x20-\x7e]*$/);
  });

  test('closes every bracket and quote that it opens', () => {
    const closes: Readonly<Record<string, string>> = { ')': '(', '}': '{', ']': '[' };
    const open: string[] = [];
    // Backtick escapes go; literals in single quotes go; of those in double quotes only $( ) is code.
    const bare = code.replace(/`./g, '').replace(/'[^'\n]*'/g, '');
    for (const char of bare.replace(/"[^"\n]*"/g, '')) {
      if ('([{'.includes(char)) open.push(char);
      if (char in closes) expect(open.pop()).toBe(closes[char]);
    }
    expect(open).toEqual([]);
    for (const line of bare.split('\n')) expect([line, (line.match(/"/g)?.length ?? 0) % 2]).toEqual([line, 0]);
  });

  test('makes the same mail: the lines of mint() stand in it, in their order', () => {
    const canary = mint('h/cron/outside', 1, 2, keyOf('k'), { from, to: addresses.outside, autoSubmitted: true });
    const constant = canary.text.split('\n').filter((line) => line !== '' && !/[:]/.test(line));
    expect(constant).toHaveLength(2);
    const wanted = [
      'mail-canary 1`nheader`n$Route`n$Slot`n$SentAt',
      'mail-canary 1`nmessage-id`n$id`n$Slot`n$SentAt',
      'From: $From',
      'To: $To',
      'Subject: Mail canary $HostName $id',
      'Message-ID: <$id.$KeyId.',
      'Date: $day',
      'X-Mail-Canary: v=1; k=$KeyId; r=$Route; s=$Slot; t=$SentAt; m=$headerMac',
      'Auto-Submitted: auto-generated',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=us-ascii',
      'Content-Transfer-Encoding: 7bit',
      ...constant,
      'Machine: $HostName',
      'Canary: $id',
    ];
    const places = wanted.map((line) => text.indexOf(line));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test('starts no program: .NET alone', () => {
    expect(code).not.toMatch(
      /(^|[|;{(=]) *(Invoke-Expression|iex|Start-Process|cmd|curl|wget|Invoke-WebRequest|Send-MailMessage|Add-Type)\b|&/im,
    );
    expect(code).not.toMatch(/ServerCertificateValidationCallback|SkipCertificateCheck/);
  });

  test('can stand in the here-string that `enroll` prints it in; and the one for sh in its here-document', () => {
    expect(text.split('\n').filter((line) => line.startsWith("'@"))).toEqual([]);
    expect(shellScript(enrolledOf()).split('\n')).not.toContain('END-OF-SCRIPT');
  });

  test('needs a relay: Windows has no sendmail', () => {
    expect(() => powerShellScript(enrolledOf())).toThrow('Windows has no sendmail: path cron needs "via: smtp"');
  });
});

describe('values in scripts', () => {
  test('are quoted for their language', () => {
    const odd = "o'brien`$(id)@example.test";
    const settings = { ...enrolledOf(relayAt(25)).settings, from: odd };
    const enrolled = enrolledOf({}, { settings });
    expect(shellScript(enrolled)).toContain("\nfrom='o'\\''brien`$(id)@example.test'\n");
    expect(powerShellScript(enrolled)).toContain("\n$From = 'o''brien`$(id)@example.test'\n");
  });

  test.each(['-f@example.test', '$x@example.test', ''])(
    'an address that a mailer could misread is refused: %j',
    (address) => {
      expect(() => shellScript(enrolledOf({}, { mailboxes: [['outside', address]] }))).toThrow(
        'must begin with a letter',
      );
    },
  );

  test('the fleet’s names no host, and says whom its key speaks for', () => {
    const key = fleetKey(master, 2);
    const enrolled = enrolledOf(relayAt(25), { key, generation: 2 });
    for (const text of [shellScript(enrolled), powerShellScript(enrolled)]) {
      expect(text).toContain('EVERY host of the fleet');
      expect(text).not.toContain('web-01');
    }
    expect(shellScript(enrolled)).toContain("\nhost=''\n");
    expect(shellScript(enrolled)).toContain('\nfleet=true\n');
    expect(shellScript(enrolled)).not.toContain(hostKey(master, 'web-01', 1).id);
  });
});
