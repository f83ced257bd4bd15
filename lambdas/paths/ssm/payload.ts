/**
 * The canaries of one command as one word of `A-Za-z0-9._=@+-`, which no shell reads as anything but a word:
 *
 *     1_<holes>_<from>_<template>_ { <instance>_<id>_<host>_<to>_ <one value for each hole> } .
 *
 * The template is the mail that all of them share; where their lines differ it has a hole. In every part `+` is a space,
 * `=ooo` the byte with that octal number, `=I` the canary's id, `=H` the name of its host, `=V` (in the template) a hole.
 */
import { mimeOf } from '../../core/mime.ts';
import type { CanaryMail } from '../../core/words.ts';

/** A canary and the instance that is to send it. */
export type Addressed = { readonly instance: string; readonly mail: CanaryMail };

/** Windows allows 32,767 characters in an environment variable, and a document with its parameters has 64 KB. */
export const longest = 30_000;

/** SendCommand takes no more instance ids. */
export const mostInstances = 50;

const octal = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      if (/[A-Za-z0-9.@-]/.test(char)) return char;
      return char === ' ' ? '+' : `=${byte.toString(8).padStart(3, '0')}`;
    })
    .join('');

const hostOf = ({ route }: CanaryMail): string => route.split('/')[0] ?? '';

/** What differs from canary to canary and can be named needs no hole. */
const encode = (text: string, mail: CanaryMail): string => {
  const host = hostOf(mail);
  const parts = (part: string) => (host.length < 4 ? [part] : part.split(host)).map(octal).join('=H');
  return text.split(mail.id).map(parts).join('=I');
};

/** The units that must not be taken apart. */
const unitsOf = (text: string): string[] => text.match(/=(?:[0-7]{3}|[IH])|[^=]/g) ?? [];

const sharedStart = (all: readonly (readonly string[])[]): number => {
  const [first = [], ...others] = all;
  const end = first.findIndex((unit, index) => others.some((other) => other[index] !== unit));
  return end === -1 ? Math.min(...all.map(({ length }) => length)) : end;
};

/** One line of all mails: what they share, and what each of them has in the hole, if there is one. */
const fold = (versions: readonly string[]): { readonly line: string; readonly values?: readonly string[] } => {
  const [first = ''] = versions;
  if (versions.every((version) => version === first)) return { line: first };
  const units = versions.map(unitsOf);
  const start = sharedStart(units);
  const rests = units.map((all) => all.slice(start));
  const end = sharedStart(rests.map((rest) => rest.toReversed()));
  const shared = units[0] ?? [];
  return {
    line: `${shared.slice(0, start).join('')}=V${end === 0 ? '' : shared.slice(-end).join('')}`,
    values: rests.map((rest) => rest.slice(0, rest.length - end).join('')),
  };
};

const linesOf = ({ mail }: Addressed): string[] =>
  mimeOf(mail)
    .toString('latin1')
    .split('\r\n')
    .map((line) => encode(line, mail));

/** Canaries of one path. Throws when their mails have different numbers of lines, and so no common template. */
export const payloadOf = (canaries: readonly Addressed[]): string => {
  const mails = canaries.map(linesOf);
  const [first = []] = mails;
  if (mails.some(({ length }) => length !== first.length)) throw new Error('the mails have no common template');
  const folded = first.map((_, index) => fold(mails.map((lines) => lines[index] ?? '')));
  const holes = folded.flatMap(({ values }) => (values === undefined ? [] : [values]));
  const records = canaries.flatMap(({ instance, mail }, index) => [
    instance,
    mail.id,
    octal(hostOf(mail)),
    octal(mail.to),
    ...holes.map((values) => values[index] ?? ''),
  ]);
  const template = folded.map(({ line }) => line).join('=012');
  return ['1', holes.length, octal(canaries[0]?.mail.from ?? ''), template, ...records, '.'].join('_');
};

const fits = (canaries: readonly Addressed[]): boolean =>
  new Set(canaries.map(({ instance }) => instance)).size <= mostInstances &&
  new Set(canaries.map((one) => linesOf(one).length)).size <= 1 &&
  payloadOf(canaries).length <= longest;

/** Canaries in as few commands as the limits allow: one for each 50 instances, more only where the payload is too long. */
export const commandsOf = (canaries: readonly Addressed[]): (readonly Addressed[])[] => {
  const instances = [...new Set(canaries.map(({ instance }) => instance))];
  const groups = Array.from({ length: Math.ceil(instances.length / mostInstances) }, (_, index) => {
    const some = new Set(instances.slice(index * mostInstances, (index + 1) * mostInstances));
    return canaries.filter(({ instance }) => some.has(instance));
  });
  const halve = (group: readonly Addressed[]): (readonly Addressed[])[] => {
    if (group.length <= 1 || fits(group)) return [group];
    const sorted = group.toSorted((a, b) => (a.instance < b.instance ? -1 : Number(a.instance > b.instance)));
    const middle = Math.ceil(sorted.length / 2);
    return [...halve(sorted.slice(0, middle)), ...halve(sorted.slice(middle))];
  };
  return groups.flatMap(halve);
};
