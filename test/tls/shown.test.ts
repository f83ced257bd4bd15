/** What a certificate says, and what in its chain ends first, whatever a server puts into it. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { certificateIn } from '../../lambdas/tls/shown.ts';

type Peer = NonNullable<Parameters<typeof certificateIn>[0]>;

const fixture = (name: string) => new X509Certificate(readFileSync(`test/fixtures/tls/${name}.pem`)).toLegacyObject();
const server = 'mail-gw.example.com:587';
const called = 'mail-gw.example.com';

/** A certificate as Node shows it; its fields are all that is read of it. */
const peer = (part: object = {}): Peer =>
  ({
    subject: { CN: called },
    subjectaltname: `DNS:${called}`,
    valid_from: 'Jan  1 00:00:00 2026 GMT',
    valid_to: 'Dec  1 12:30:00 2026 GMT',
    ...part,
  }) as Peer;
const selfSigned = (part: object): Peer => {
  const root = peer(part);
  return Object.assign(root, { issuerCertificate: root });
};
const namesOf = (part: object, name = called) => certificateIn(peer(part), server, name)?.names;

test('a real one', () => {
  expect(certificateIn(fixture('server'), '127.0.0.1:993', '127.0.0.1')).toEqual({
    server: '127.0.0.1:993',
    name: '127.0.0.1',
    names: ['127.0.0.1', 'localhost'],
    from: Date.UTC(2024, 0, 1),
    until: Date.UTC(2100, 0, 1),
  });
});

describe('names', () => {
  test.each<[string, object, readonly string[]]>([
    ['the subject, where no other is listed', { subjectaltname: undefined }, [called]],
    [
      'the first of several',
      { subjectaltname: undefined, subject: { CN: ['one.example', 'two.example'] } },
      ['one.example'],
    ],
    ['none at all', { subjectaltname: undefined, subject: undefined }, []],
    [
      'names and addresses, nothing else',
      { subjectaltname: 'email:a@b.example, DNS:a.example, IP Address:10.0.0.1, URI:x' },
      ['a.example', '10.0.0.1'],
    ],
    [
      'a comma within quotes is part of a name',
      { subjectaltname: 'DNS:"a.example, DNS:b.example", DNS:c.example' },
      ['a.example, DNS:b.example', 'c.example'],
    ],
    ['no control characters, no turned writing', { subjectaltname: 'DNS:a\u0000\u202eb.example' }, ['ab.example']],
    ['each once', { subjectaltname: 'DNS:a.example, DNS:a.example' }, ['a.example']],
  ])('%s', (_, part, names) => {
    expect(namesOf(part)).toEqual(names);
  });

  test('at most five of at most 100 characters, those that fit the called one first', () => {
    const listed = (names: readonly string[]) => names.map((name) => `DNS:${name}`).join(', ');
    const many = Array.from({ length: 100 }, (_, index) => `host-${index}.example.com`);
    expect(namesOf({ subjectaltname: listed(many) }, 'host-77.example.com')).toEqual([
      'host-77.example.com',
      ...many.slice(0, 4),
    ]);
    expect(namesOf({ subjectaltname: listed(['example.com', '*.Example.com']) })?.[0]).toBe('*.Example.com');
    expect(namesOf({ subjectaltname: listed(['b.example', '*.example.com']) }, 'a.b.example.com')?.[0]).toBe(
      'b.example',
    );
    expect(namesOf({ subjectaltname: listed(['x'.repeat(300)]) })?.map(({ length }) => length)).toEqual([100]);
  });
});

describe('what ends first', () => {
  const root = selfSigned({ subject: { CN: 'lab root' }, valid_to: 'Jan  1 00:00:00 2040 GMT' });
  const until = Date.UTC(2026, 11, 1, 12, 30);
  const signed = (signer: object, issuer: Peer | null = root) =>
    certificateIn(
      peer({
        issuerCertificate: peer({
          subject: { CN: 'lab CA 1' },
          ...signer,
          ...(issuer && { issuerCertificate: issuer }),
        }),
      }),
      server,
      called,
    );
  const sooner = { valid_from: 'Jan  1 00:00:00 2016 GMT', valid_to: 'Nov  1 00:00:00 2026 GMT' };

  test('is the certificate itself, as a rule', () => {
    expect(signed({ valid_to: 'Jan  1 00:00:00 2030 GMT' })).toEqual({
      server,
      name: called,
      names: [called],
      from: Date.UTC(2026, 0, 1),
      until,
    });
  });

  test('may be the one that signed it, with its own life', () => {
    const times = { from: Date.UTC(2016, 0, 1), until: Date.UTC(2026, 10, 1) };
    expect(signed(sooner)).toMatchObject({ ...times, signer: 'lab CA 1', names: [called] });
    expect(signed({ ...sooner, subject: { O: 'lab' } })).toMatchObject({ signer: 'lab' });
    expect(signed({ ...sooner, subject: {} })).toMatchObject({ signer: 'a signer without a name' });
  });

  test('or the root', () => {
    const ending = selfSigned({ subject: { CN: 'old root' }, ...sooner });
    expect(signed({}, ending)).toMatchObject({ until: Date.UTC(2026, 10, 1), signer: 'old root' });
  });

  test('but not what is sent for old clients alone: a root that somebody signed who is gone, or is not needed', () => {
    expect(signed(sooner, null)).toMatchObject({ until });
    const [pem = ''] = rootCertificates;
    const trusted = new X509Certificate(pem);
    const old = selfSigned({ subject: { CN: 'older root' } });
    expect(signed({ ...sooner, raw: trusted.raw }, old)).toMatchObject({ until });
    expect(signed({ ...sooner, raw: Buffer.from('nonsense') }, old)).toMatchObject({ signer: 'lab CA 1' });
    expect(signed({ ...sooner, raw: fixture('ca').raw }, old)).toMatchObject({ signer: 'lab CA 1' });
  });

  test('a certificate that stands for itself', () => {
    expect(certificateIn(selfSigned({}), server, called)).toMatchObject({ until, names: [called] });
  });
});

test('without a certificate, or one without dates, nothing is shown', () => {
  expect(certificateIn(null, server, called)).toBeUndefined();
  expect(certificateIn(undefined, server, called)).toBeUndefined();
  // What Node gives for a server that showed none.
  expect(certificateIn({}, server, called)).toBeUndefined();
  expect(certificateIn(peer({ valid_to: 'Bad time value' }), server, called)).toBeUndefined();
  expect(certificateIn(peer({ valid_from: undefined }), server, called)).toBeUndefined();
});

test('it never throws: the handshake would', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('DNS:"', 'DNS:"\\', ', DNS:', '*.', '.'));
  const anything = fc.oneof(text, fc.constant(undefined), fc.constant(null), fc.array(text));
  fc.assert(
    fc.property(anything, anything, anything, text, fc.array(anything), (alternatives, subject, end, name, chain) => {
      const part = { subjectaltname: alternatives, subject: { CN: subject }, raw: Buffer.from('x') };
      const issuerCertificate = chain.reduce<unknown>(
        (above, value) => peer({ ...part, valid_to: value, issuerCertificate: above }),
        end,
      );
      const shown = certificateIn(peer({ ...part, issuerCertificate } as object), server, name);
      expect(shown?.names.length).toBeLessThanOrEqual(5);
      for (const one of shown?.names ?? []) expect(one).toMatch(/^[^\p{C}]{1,100}$/u);
    }),
  );
});

test('a list of 10,000 names, or one that is never closed, takes no time', () => {
  const begun = performance.now();
  namesOf({ subjectaltname: Array.from({ length: 10_000 }, (_, index) => `DNS:${index}.example`).join(', ') });
  namesOf({ subjectaltname: ', DNS:"\\"'.repeat(100_000) });
  expect(performance.now() - begun).toBeLessThan(2000);
});
