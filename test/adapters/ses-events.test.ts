/** Events of SES in the shapes that AWS documents, with a canary's header in them, become notes; everything else becomes none. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { notesOfSesEvent, sesDetailTypes } from '../../lambdas/adapters/ses-events.ts';
import { type HostKey, type Keys, keyOf, mint, recognise } from '../../lambdas/core/canary.ts';
import { withNotes } from '../../lambdas/core/noted.ts';
import type { Note } from '../../lambdas/core/words.ts';
import { endpoint, send, taken } from '../paths/ses-harness.ts';

const key = keyOf('a key of the tests');
const now = 1_740_000_060_000;
const sentAt = 1_740_000_000_000;
const route = 'monitor/ses/outside';
const options = { from: 'sender@example.com', to: 'recipient@example.com', autoSubmitted: true };
const mail = mint(route, 29_000_000, sentAt, key, options);
const canary = mail.headers['X-Mail-Canary'] ?? '';

const notesWith =
  (keys: Keys = { current: key }) =>
  (event: unknown): readonly Note[] =>
    notesOfSesEvent(event, (one) => recognise(one, keys, now, 86_400_000), now);
const notesOf = notesWith();

const messageId = 'EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000';
const header = { name: 'X-Mail-Canary', value: canary };
const headers = [
  { name: 'From', value: 'sender@example.com' },
  { name: 'To', value: 'recipient@example.com' },
  { name: 'Subject', value: mail.subject },
  { name: 'Message-ID', value: mail.messageId },
  header,
  { name: 'MIME-Version', value: '1.0' },
];
const tags: Record<string, string[]> = {
  'ses:configuration-set': ['mail-canary-production'],
  'ses:source-ip': ['192.0.2.0'],
  'ses:from-domain': ['example.com'],
  'ses:caller-identity': ['send'],
};

/** As EventBridge brings it: https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html */
const event = (detailType: string, eventType: string, own: object, ofMail: object = {}) => ({
  version: '0',
  id: '12345678-1234-1234-1234-123456789012',
  'detail-type': detailType,
  source: 'aws.ses',
  account: '111122223333',
  time: '2025-02-19T21:21:00Z',
  region: 'eu-west-1',
  resources: ['arn:aws:ses:eu-west-1:111122223333:configuration-set/mail-canary-production'],
  detail: {
    eventType,
    mail: {
      timestamp: '2025-02-19T21:20:00.012Z',
      source: 'sender@example.com',
      sourceArn: 'arn:aws:ses:eu-west-1:111122223333:identity/example.com',
      sendingAccountId: '111122223333',
      messageId,
      destination: ['recipient@example.com'],
      headersTruncated: false,
      headers,
      commonHeaders: { from: ['sender@example.com'], messageId, subject: mail.subject, to: ['recipient@example.com'] },
      tags,
      ...ofMail,
    },
    ...own,
  },
});

type Bounced = { readonly [field: string]: unknown };
const bounced = (bounce: Bounced = {}, recipient: Bounced = {}, ofMail: object = {}) =>
  event(
    'Email Bounced',
    'Bounce',
    {
      bounce: {
        bounceType: 'Permanent',
        bounceSubType: 'General',
        bouncedRecipients: [
          {
            emailAddress: 'recipient@example.com',
            action: 'failed',
            status: '5.1.1',
            diagnosticCode: 'smtp; 550 5.1.1 user unknown',
            ...recipient,
          },
        ],
        timestamp: '2025-02-19T21:20:59.669Z',
        feedbackId: '01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000',
        reportingMTA: 'dsn; mta.example.com',
        ...bounce,
      },
    },
    ofMail,
  );
const delayed = (deliveryDelay: Bounced = {}, ofMail: object = {}) =>
  event(
    'Email Delivery Delayed',
    'DeliveryDelay',
    {
      deliveryDelay: {
        timestamp: '2025-02-19T21:20:59.095Z',
        delayType: 'TransientCommunicationFailure',
        expirationTime: '2025-02-20T11:20:00.914Z',
        delayedRecipients: [
          {
            emailAddress: 'recipient@example.com',
            status: '4.4.1',
            diagnosticCode: 'smtp; 421 4.4.1 Unable to connect to remote host',
          },
        ],
        ...deliveryDelay,
      },
    },
    ofMail,
  );

const note = (kind: string, says: Note['says']): Note => ({
  id: `ses.${messageId}.${kind}`,
  route,
  slot: 29_000_000,
  at: now,
  says,
});
const refused = (cause: string, evidence: string) =>
  expect.objectContaining({
    state: 'handed',
    handover: {
      state: 'refused',
      cause,
      temporary: false,
      sentAt,
      evidence,
      answeredBy: 'email.eu-west-1.amazonaws.com',
      ownServer: false,
      queueId: messageId,
      product: 'ses',
    },
  });

describe('a bounce', () => {
  test('in the words of the server that refused the mail', () => {
    expect(notesOf(bounced())).toEqual([
      note('bounce', { state: 'bounced', words: 'smtp; 550 5.1.1 user unknown', reportedBy: 'mta.example.com' }),
    ]);
  });

  test('names the server that refused it, where SES says which', () => {
    const [{ says } = note('', { state: 'delayed', words: '' })] = notesOf(bounced({ remoteMtaIp: '198.51.100.25' }));
    expect(says).toMatchObject({ state: 'bounced', reportedBy: '198.51.100.25' });
  });

  test.each([
    [
      'OnAccountSuppressionList',
      'Amazon SES did not send the message to this address because it is on the suppression list for your account. For more information about removing addresses from the suppression list, see the Amazon SES Developer Guide at https://docs.aws.amazon.com/ses/latest/DeveloperGuide/sending-email-suppression-list.html',
    ],
    ['Suppressed', 'Amazon SES has suppressed sending to this address because it has a recent history of bouncing'],
    ['OnTenantSuppressionList', 'suppressed'],
  ])('of the list %s is no bounce: SES did not send it', (bounceSubType, diagnosticCode) => {
    const notes = notesOf(bounced({ bounceSubType, reportingMTA: 'dns; amazonses.com' }, { diagnosticCode }));
    expect(notes).toEqual([note('bounce', refused('suppressed', diagnosticCode) as Note['says'])]);
  });

  test('that suppression explains is refused, though SES had accepted the mail', () => {
    const accepted = { state: 'accepted' as const, sentAt };
    const { handover, bounce } = withNotes(accepted, notesOf(bounced({ bounceSubType: 'OnAccountSuppressionList' })));
    expect({ handover, bounce }).toMatchObject({
      handover: { state: 'refused', cause: 'suppressed' },
      bounce: undefined,
    });
  });

  test('without a report: what SES makes of it', () => {
    const own = { bounceSubType: 'NoEmail', reportingMTA: undefined };
    const nothing = { action: undefined, status: undefined, diagnosticCode: undefined };
    expect(notesOf(bounced(own, nothing))).toEqual([
      note('bounce', { state: 'bounced', words: 'Permanent NoEmail', reportedBy: undefined }),
    ]);
  });

  test('of a full mailbox, after SES gave up', () => {
    const diagnosticCode = 'smtp; 452 4.2.2 Mailbox full';
    expect(
      notesOf(bounced({ bounceType: 'Transient', bounceSubType: 'MailboxFull' }, { status: '4.2.2', diagnosticCode })),
    ).toMatchObject([{ says: { state: 'bounced', words: diagnosticCode } }]);
  });

  test.each([
    ['an out-of-office', { bounceType: 'Transient', bounceSubType: 'General' }, [{ emailAddress: 'a@example.com' }]],
    ['an out-of-office without a recipient', { bounceType: 'Undetermined', bounceSubType: 'Undetermined' }, []],
    [
      'a delay notice',
      { bounceType: 'Transient', bounceSubType: 'General' },
      [{ emailAddress: 'a@example.com', action: 'delayed', status: '4.0.0' }],
    ],
  ])('that SES makes of %s condemns nobody', (_, type, bouncedRecipients) => {
    expect(notesOf(bounced({ ...type, bouncedRecipients }))).toMatchObject([
      { says: { state: 'delayed', words: expect.stringContaining(type.bounceType) } },
    ]);
  });
});

describe('other events', () => {
  test('a delay explains', () => {
    expect(notesOf(delayed())).toEqual([
      note('delay', {
        state: 'delayed',
        words: 'smtp; 421 4.4.1 Unable to connect to remote host',
        reportedBy: undefined,
      }),
    ]);
  });

  test('a delay without words of a server, reported by somebody', () => {
    const own = { delayType: 'InternalFailure', delayedRecipients: [], reportingMTA: 'a6-196.smtp-out.amazonses.com' };
    expect(notesOf(delayed(own))).toMatchObject([
      { says: { state: 'delayed', words: 'InternalFailure', reportedBy: 'a6-196.smtp-out.amazonses.com' } },
    ]);
  });

  test('a rejected mail held what SES takes for a virus', () => {
    const notes = notesOf(event('Email Rejected', 'Reject', { reject: { reason: 'Bad content' } }));
    expect(notes).toEqual([note('reject', refused('policy-blocked', 'Bad content') as Note['says'])]);
  });

  test('a mail that could not be rendered', () => {
    const errorMessage = "Attribute 'attributeName' is not present in the rendering data.";
    const failure = { errorMessage, templateName: 'MyTemplate' };
    const notes = notesOf(event('Email Rendering Failed', 'Rendering Failure', { failure }));
    expect(notes).toEqual([note('rendering-failure', refused('unknown', errorMessage) as Note['says'])]);
  });

  test.each([
    ['Email Delivered', 'Delivery', { delivery: { smtpResponse: '250 2.6.0 Message received' } }],
    ['Email Sent', 'Send', { send: {} }],
    ['Email Opened', 'Open', { open: { ipAddress: '192.0.2.1' } }],
    ['Email Clicked', 'Click', { click: { link: 'https://example.com/' } }],
    ['Email Complaint Received', 'Complaint', { complaint: { complaintFeedbackType: 'abuse' } }],
    ['Email Subscribed', 'Subscription', { subscription: {} }],
    ['Sending Status Disabled', 'SendingStatus', {}],
  ])('%s says nothing', (detailType, eventType, own) => {
    expect(sesDetailTypes).not.toContain(detailType);
    expect(notesOf(event(detailType, eventType, own))).toEqual([]);
  });

  test('of another source say nothing', () => {
    expect(notesOf({ ...bounced(), source: 'com.example.ses' })).toEqual([]);
  });
});

describe('the signed token alone says whose event it is', () => {
  const other = keyOf('the key of another monitor');
  const theirs = mint(route, 29_000_000, sentAt, other, options).headers['X-Mail-Canary'] ?? '';
  const withHeaders = (...values: readonly string[]) =>
    bounced({}, {}, { headers: values.map((value) => ({ name: 'x-mail-canary', value })) });

  test('whatever the case of its name', () => {
    expect(notesOf(withHeaders(canary))).toHaveLength(1);
  });

  test.each([
    ['none', []],
    ['another slot', [canary.replace('s=29000000', 's=29000001')]],
    ['another route', [canary.replace('r=monitor', 'r=web-03')]],
    ['another signature', [canary.replace(/m=./, 'm=x')]],
    ["another monitor's", [theirs]],
    ['no token', ['hello', '', ';;;=;', 'v=1; k=__proto__']],
  ])('%s: nobody', (_, values) => {
    expect(notesOf(withHeaders(...values))).toEqual([]);
  });

  test('a forged one beside ours changes nothing', () => {
    const [{ slot } = note('', { state: 'delayed', words: '' })] = notesOf(
      withHeaders(canary.replace('s=29000000', 's=29000001'), canary),
    );
    expect(slot).toBe(29_000_000);
  });

  test('an old one is not replayed', () => {
    const replayed = notesOfSesEvent(bounced(), (one) => recognise(one, { current: key }, now, 1000), now);
    expect(replayed).toEqual([]);
  });

  test('the Message-ID, the subject, tags with the id and the address are no token', () => {
    const ofMail = {
      headers: headers.filter((one) => one !== header),
      tags: { ...tags, 'mail-canary': [mail.id], 'mail-canary-monitor': ['production'] },
    };
    expect(notesOf(bounced({}, {}, ofMail))).toEqual([]);
  });

  test("a host's own key speaks for that host, and for nobody else", () => {
    const hosts = (host: HostKey['host']): Keys => {
      const own = { ...keyOf('the key of a host'), host };
      return { current: key, hosts: new Map([[own.id, own]]) };
    };
    const minted = (host: string) =>
      mint(`${host}/ses/outside`, 29_000_000, sentAt, keyOf('the key of a host'), options).headers['X-Mail-Canary'] ??
      '';
    const by = (host: HostKey['host'], of: string) => notesWith(hosts(host))(withHeaders(minted(of))).length;
    expect([by('web-03', 'web-03'), by('web-03', 'web-04'), by('every', 'web-04')]).toEqual([1, 0, 1]);
  });

  test('headers that were cut off, or left out as in events of delays: it is in the tags of the path', async () => {
    const aws = await endpoint(taken);
    await send(aws.url, {}, { mail });
    const form = aws.calls[0]?.form ?? new URLSearchParams();
    const sent = Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((index) => {
        const name = form.get(`Tags.member.${index}.Name`);
        return name === null ? [] : [[name, [form.get(`Tags.member.${index}.Value`) ?? '']]];
      }),
    );
    const cut = { headersTruncated: true, headers: headers.slice(0, 3), tags: { ...tags, ...sent } };
    expect(notesOf(delayed({}, { headers: undefined, tags: { ...tags, ...sent } }))).toMatchObject([
      { route, slot: 29_000_000, says: { state: 'delayed' } },
    ]);
    expect(notesOf(bounced({}, {}, cut))).toMatchObject([{ route, slot: 29_000_000, says: { state: 'bounced' } }]);
    const forged = { ...sent, 'mail-canary-token-1': [Buffer.from('v=1; k=x; r=web-03').toString('base64url')] };
    expect(notesOf(bounced({}, {}, { ...cut, tags: forged }))).toEqual([]);
    expect(notesOf(bounced({}, {}, { ...cut, tags }))).toEqual([]);
  });
});

describe('hostile events', () => {
  test('the same telling has the same id; the id is short and plain', () => {
    const [first] = notesOf(bounced());
    const [again] = notesOf(bounced({ timestamp: '2025-02-19T22:00:00Z' }));
    expect(again?.id).toBe(first?.id);
    const hostile = notesOf(bounced({}, {}, { messageId: `../!#\u0000${'x'.repeat(480)}` }));
    expect(hostile[0]?.id).toMatch(/^ses\.x{120}\.bounce$/);
  });

  test('words are cut and cleaned', () => {
    const diagnosticCode = `smtp; 550 \u202e\u0007no\r\n${'z'.repeat(10_000)}`;
    const [one] = notesOf(bounced({ reportingMTA: `dns; ${'m'.repeat(5000)}` }, { diagnosticCode }));
    expect(one?.says).toMatchObject({
      words: expect.stringMatching(/^smtp; 550 no z{400,500}$/),
      reportedBy: 'm'.repeat(255),
    });
  });

  test('a Region that is none does not become a host name', () => {
    const notes = notesOf({ ...event('Email Rejected', 'Reject', { reject: {} }), region: 'evil.example/#' });
    expect(notes).toMatchObject([{ says: { handover: { answeredBy: 'ses' } } }]);
    const china = notesOf({ ...event('Email Rejected', 'Reject', { reject: {} }), region: 'cn-north-1' });
    expect(china).toMatchObject([{ says: { handover: { answeredBy: 'email.cn-north-1.amazonaws.com.cn' } } }]);
  });

  test.each(
    sesDetailTypes.flatMap((type) =>
      [undefined, null, 'x', 7, [], { bouncedRecipients: 'x' }].map((value) => ({ type, value })),
    ),
  )('$type with $value in place of what it is about does not throw', ({ type, value }) => {
    const fields = { bounce: value, deliveryDelay: value, reject: value, failure: value };
    expect(notesOf(event(type, 'x', fields)).length).toBeLessThan(2);
  });

  test('anything at all does not throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...sesDetailTypes), (value, type) => {
        notesOf(value);
        notesOf({ source: 'aws.ses', 'detail-type': type, detail: value });
        expect(notesOf(event(type, 'x', { bounce: value, deliveryDelay: value }, { tags: value })).length).toBeLessThan(
          2,
        );
        expect(notesOf(event(type, 'x', { bounce: {} }, { headers: value }))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
