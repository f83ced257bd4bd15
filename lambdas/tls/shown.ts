/** What a server shows of itself in a TLS handshake: the names of its certificate, and what in its chain ends first. */
import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate, getCACertificates, type TLSSocket } from 'node:tls';
import type { Certificate } from '../core/words.ts';

/** Node gives a chain whose last certificate has itself, or nothing, as its issuer. */
type Peer = Partial<DetailedPeerCertificate>;

const mostNames = 5;
const mostCharacters = 100;
/** Longer chains are refused by OpenSSL long before. */
const mostSigners = 10;

/** A stranger's text as a name: no control characters, nothing that turns the writing round, at most 100 characters. */
const asName = (text: string): string =>
  text
    .slice(0, 4 * mostCharacters)
    .replace(/\p{C}/gu, '')
    .trim()
    .slice(0, mostCharacters);

/** "DNS:a.example, IP Address:10.0.0.1": a value with a comma or a quotation mark in it stands in quotes, as in JSON. */
const alternatives = (listed: string): string[] =>
  [...listed.matchAll(/(?:^|, )(?:DNS|IP Address):(?:"((?:[^"\\]|\\.)*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  );

const commonName = ({ subject }: Peer): string | undefined => {
  const name: unknown = subject?.CN ?? subject?.O;
  const first: unknown = Array.isArray(name) ? name[0] : name;
  return typeof first === 'string' && asName(first) !== '' ? asName(first) : undefined;
};

/** Whether a listed name stands for the one that is called: as it is, or by a wildcard for its first label (RFC 6125 6.4.3). */
const fitting = (called: string): ((listed: string) => boolean) => {
  const wanted = called.slice(0, 255).toLowerCase().replace(/\.$/, '');
  const wildcard = `*${wanted.slice(Math.max(0, wanted.indexOf('.')))}`;
  return (listed) => {
    const pattern = listed.toLowerCase();
    return pattern === wanted || pattern === wildcard;
  };
};

/** At most five of the names, those by which the server was called first. */
const namesOf = (peer: Peer, called: string): string[] => {
  const listed = typeof peer.subjectaltname === 'string' ? alternatives(peer.subjectaltname) : [];
  const all = listed.length === 0 ? [commonName(peer) ?? ''] : listed;
  const fits = fitting(called);
  const ordered = [...all.filter(fits), ...all.filter((name) => !fits(name))];
  return [...new Set(ordered.slice(0, 4 * mostNames).map(asName))].filter((name) => name !== '').slice(0, mostNames);
};

/** "Sep  3 14:00:00 2100 GMT" */
const timeOf = (text: unknown): number => (typeof text === 'string' ? Date.parse(text) : Number.NaN);

let roots: ReadonlyMap<string, readonly X509Certificate[]> | undefined;

/** Whom this machine trusts, by name; read only once somebody asks, since that takes longer than a handshake. */
const trusted = () => {
  roots ??= Map.groupBy(
    getCACertificates('default').map((pem) => new X509Certificate(pem)),
    ({ subject }) => subject,
  );
  return roots;
};

/** The key of this signer is trusted as it is, under a certificate of its own: by whom else it was signed is not asked. */
const isTrustedItself = ({ raw }: Peer): boolean => {
  if (raw === undefined) return false;
  try {
    const signer = new X509Certificate(raw);
    const same = trusted().get(signer.subject) ?? [];
    return same.some(({ publicKey }) => publicKey.equals(signer.publicKey));
  } catch {
    return false;
  }
};

/**
 * Who signed the certificate, up to the root that is trusted. A signer without an issuer that is no root itself is what servers
 * send for old clients (a new root, signed by an older one that is gone): a check goes by the new root, and ends before it.
 */
const signersOf = (peer: Peer): Peer[] => {
  const signers: Peer[] = [];
  let last = peer;
  while (signers.length < mostSigners) {
    const signer: Peer | undefined = last.issuerCertificate;
    if (signer === undefined || signer === last || signer === null || signers.includes(signer)) break;
    signers.push(signer);
    last = signer;
  }
  return last === peer || last.issuerCertificate === last ? signers : signers.slice(0, -1);
};

/**
 * What a verified handshake showed. `peer` is Node's chain (`getPeerCertificate(true)`), `server` how people know the server
 * (`host:port`), `name` the name by which it was checked. `until` is the soonest end among the certificate, its signers and
 * their root: whichever ends first breaks the check (RFC 5280 6.1.3). Undefined where there is no certificate or no date.
 * Never throws, whatever a server has put into its certificate.
 */
export const certificateIn = (peer: Peer | null | undefined, server: string, name: string): Certificate | undefined => {
  if (peer === null || peer === undefined) return undefined;
  const own = { from: timeOf(peer.valid_from), until: timeOf(peer.valid_to) };
  if (!Number.isFinite(own.from) || !Number.isFinite(own.until)) return undefined;
  const sooner = signersOf(peer)
    .map((signer) => ({ signer, from: timeOf(signer.valid_from), until: timeOf(signer.valid_to) }))
    .filter(({ from, until }) => Number.isFinite(from) && until < own.until)
    .sort((a, b) => a.until - b.until)
    .find(({ signer }) => signer.issuerCertificate === signer || !isTrustedItself(signer));
  const { from, until } = sooner ?? own;
  const signer = sooner === undefined ? undefined : (commonName(sooner.signer) ?? 'a signer without a name');
  return { server, name, names: namesOf(peer, name), from, until, ...(signer === undefined ? {} : { signer }) };
};

/** What the server at the other end of an open TLS connection showed; undefined where it was not verified, or has ended. */
export const shownBy = (socket: TLSSocket, server: string, name: string): Certificate | undefined =>
  socket.authorized ? certificateIn(socket.getPeerCertificate(true), server, name) : undefined;

/**
 * Node's own check of a server's name, for the option `checkServerIdentity`: Node asks it in every handshake, with TLS from the
 * first byte and with STARTTLS, after it has verified the chain. `tell` is called when the name is right as well.
 */
export const tellingIdentity =
  (server: string, tell: (certificate: Certificate) => void): typeof checkServerIdentity =>
  (name, peer) => {
    const wrong = checkServerIdentity(name, peer);
    const shown = wrong === undefined ? certificateIn(peer, server, name) : undefined;
    if (shown !== undefined) tell(shown);
    return wrong;
  };
