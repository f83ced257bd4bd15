/** Keeps secrets out of other people's words, in whatever form somebody sends them back: whole, cut off, in base64, in a URL. */

/** A part of a secret of this length is one; a shorter one tells too little, and would hide words that mean nothing. */
const piece = 12;

/** Of what came from outside, no more is looked at or kept. */
const readable = 20_000;

/** base64 as it stands within the base64 of something longer, which may begin at any of three offsets; its ends mix with what is beside. */
const base64Of = (text: string): string[] =>
  [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.from('-'.repeat(offset) + text).toString('base64');
    const inside = encoded.replace(/=+$/, '').slice(offset === 0 ? 0 : offset + 1, -1);
    return [...(offset === 0 ? [encoded] : []), ...(inside.length < piece ? [] : [inside])];
  });

/** Letters by their case and by the alphabet of base64 (RFC 4648 4 and 5) are not told apart; the length stays. */
const alike = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/[-_]/g, (sign) => (sign === '-' ? '+' : '/'));

const piecesOf = (form: string): string[] => {
  const text = alike(form);
  return Array.from({ length: Math.max(0, text.length - piece + 1) }, (_, at) => text.slice(at, at + piece));
};

const withoutPieces = (words: string, pieces: ReadonlySet<string>): string => {
  const text = alike(words);
  const kept: string[] = [];
  let from = 0;
  for (let at = 0; at + piece <= text.length; at += 1) {
    if (!pieces.has(text.slice(at, at + piece))) continue;
    let end = at + piece;
    while (end < text.length && pieces.has(text.slice(end - piece + 1, end + 1))) end += 1;
    kept.push(words.slice(from, at), '***');
    from = end;
    at = end - 1;
  }
  return [...kept, words.slice(from)].join('');
};

/**
 * A function that replaces the secrets in words by `***`: as they are, in URLs, in base64 at any offset, and every part of at
 * least 12 characters of these. `composed` are texts that hold a secret and travel in base64 only (a login with its user name).
 * Linear in the words, of which at most 20,000 characters are kept. Made once for many words, since that costs more.
 */
export const maskOf = (secrets: readonly string[], composed: readonly string[] = []): ((words: string) => string) => {
  const whole = secrets.filter((secret) => secret !== '').map((secret) => secret.toWellFormed());
  const forms = [
    ...whole.flatMap((secret) => [secret, encodeURIComponent(secret), ...base64Of(secret)]),
    ...composed.flatMap(base64Of),
  ];
  const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length);
  const pieces = new Set(longestFirst.flatMap(piecesOf));
  if (longestFirst.length === 0) return (words) => words.slice(0, readable);
  return (words) =>
    withoutPieces(
      longestFirst.reduce((text, form) => text.replaceAll(form, '***'), words.slice(0, readable)),
      pieces,
    );
};
