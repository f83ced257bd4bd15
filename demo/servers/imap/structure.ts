/** The MIME tree of a stored message: what BODYSTRUCTURE tells of it, and the bytes of its parts (RFC 3501 6.4.5 and 7.4.2). */
import { quote } from './wire.ts';

/** Offsets into the message: `start` is where the header begins, `body` where it ends. */
type Node = {
  readonly start: number;
  readonly body: number;
  readonly end: number;
  readonly type: string;
  readonly parameters: readonly (readonly [string, string])[];
  readonly encoding: string;
  readonly disposition: string | undefined;
  readonly children: readonly Node[];
};

const deepest = 8;

/** The unfolded fields of a header, by name in lower case; the topmost of each. */
const fieldsOf = (header: string): Map<string, string> => {
  const fields = new Map<string, string>();
  for (const line of header.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (name !== '' && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
};

/** "text/plain; charset=utf-8" as its value and its parameters. */
const parameterised = (text: string): readonly [string, (readonly [string, string])[]] => {
  const parameters = [...text.matchAll(/;\s*([\w*-]{1,40})=(?:"([^"]*)"|([^\s;]+))/g)].map(
    ([, name = '', quoted, plain]) => [name, quoted ?? plain ?? ''] as const,
  );
  return [(text.split(';')[0] ?? '').trim(), parameters];
};

const bodyAt = (text: string, start: number, end: number): number => {
  if (/^\r?\n/.test(text.slice(start, start + 2))) return start + (text[start] === '\r' ? 2 : 1);
  const found = ['\r\n\r\n', '\n\n'].flatMap((empty) => {
    const at = text.indexOf(empty, start);
    return at < 0 || at >= end ? [] : [at + empty.length];
  });
  return found.length === 0 ? end : Math.min(...found);
};

/** Where the parts between the boundary's lines begin and end; the line break before a boundary belongs to it (RFC 2046 5.1.1). */
const spansOf = (text: string, boundary: string, start: number, end: number): (readonly [number, number])[] => {
  const spans: (readonly [number, number])[] = [];
  let open: number | undefined;
  for (let at = start; at < end; ) {
    const next = text.indexOf('\n', at);
    const stop = next < 0 || next >= end ? end : next + 1;
    const line = text.startsWith('--', at) ? text.slice(at, stop).trimEnd() : '';
    if (line === `--${boundary}` || line === `--${boundary}--`) {
      if (open !== undefined) spans.push([open, Math.max(open, text[at - 2] === '\r' ? at - 2 : at - 1)]);
      open = line.endsWith(`${boundary}--`) ? undefined : stop;
      if (open === undefined) return spans;
    }
    at = stop;
  }
  if (open !== undefined) spans.push([open, end]);
  return spans;
};

const nodeOf = (text: string, start: number, end: number, depth: number): Node => {
  const body = bodyAt(text, start, end);
  const fields = fieldsOf(text.slice(start, body));
  const [type, parameters] = parameterised(fields.get('content-type') ?? 'text/plain; charset=us-ascii');
  const boundary = parameters.find(([name]) => name.toLowerCase() === 'boundary')?.[1];
  const isMultipart = /^multipart\//i.test(type) && boundary !== undefined && depth < deepest;
  return {
    start,
    body,
    end,
    type: /^[\w.+-]+\/[\w.+-]+$/.test(type) && (isMultipart || !/^multipart\//i.test(type)) ? type : 'text/plain',
    parameters,
    encoding: fields.get('content-transfer-encoding') ?? '7bit',
    disposition: fields.get('content-disposition'),
    children: isMultipart
      ? spansOf(text, boundary, body, end).map(([from, to]) => nodeOf(text, from, to, depth + 1))
      : [],
  };
};

const cache = new WeakMap<Buffer, Node>();

const treeOf = (raw: Buffer): Node => {
  const known = cache.get(raw);
  if (known !== undefined) return known;
  const tree = nodeOf(raw.toString('latin1'), 0, raw.length, 0);
  cache.set(raw, tree);
  return tree;
};

const list = (parameters: Node['parameters']): string =>
  parameters.length === 0
    ? 'NIL'
    : `(${parameters.map(([name, value]) => `${quote(name)} ${quote(value)}`).join(' ')})`;

const describe = (raw: Buffer, node: Node): string => {
  const [media = '', subtype = ''] = node.type.split('/');
  const [kind, words] = node.disposition === undefined ? [undefined, []] : parameterised(node.disposition);
  const rest = `${kind === undefined ? 'NIL' : `(${quote(kind)} ${list(words)})`} NIL NIL`;
  if (node.children.length > 0)
    return `(${node.children.map((child) => describe(raw, child)).join('')} ${quote(subtype)} ${list(node.parameters)} ${rest})`;
  const size = node.end - node.body;
  const lines = raw.toString('latin1', node.body, node.end).split('\n').length - 1;
  const fields = `${quote(media)} ${quote(subtype)} ${list(node.parameters)} NIL NIL ${quote(node.encoding)} ${size}`;
  if (/^text$/i.test(media)) return `(${fields} ${lines} NIL ${rest})`;
  if (!/^message\/rfc822$/i.test(node.type)) return `(${fields} NIL ${rest})`;
  const inner = nodeOf(raw.toString('latin1'), node.body, node.end, deepest - 1);
  return `(${fields} (${Array(10).fill('NIL').join(' ')}) ${describe(raw, { ...inner, children: [] })} ${lines} NIL ${rest})`;
};

/** The BODYSTRUCTURE of a message, as it stands in a FETCH answer. */
export const bodyStructure = (raw: Buffer): string => describe(raw, treeOf(raw));

/** The bytes of a numbered part ("2", "1.2", "2.MIME"); undefined when there is no such part. */
export const numberedPart = (raw: Buffer, spec: string): Buffer | undefined => {
  const match = /^(\d{1,3}(?:\.\d{1,3})*)(\.MIME)?$/i.exec(spec);
  if (match === null) return undefined;
  const numbers = (match[1] ?? '').split('.').map(Number);
  let node: Node | undefined = treeOf(raw);
  // A message of one part has that part under the number 1.
  if (node.children.length > 0 || numbers.join() !== '1')
    for (const number of numbers) node = node?.children[number - 1];
  if (node === undefined) return undefined;
  return match[2] === undefined ? raw.subarray(node.body, node.end) : raw.subarray(node.start, node.body);
};
