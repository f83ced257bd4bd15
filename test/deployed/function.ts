/** A function of the template as a process: cold when it begins, warm for every further event; its clock shows what the test says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import type { Ms } from '../../lambdas/core/words.ts';
import type { Deployable } from './template.ts';

/** One line of a function's log. */
export type Line = { readonly what: string; readonly [field: string]: unknown };

export type Invoked = { readonly result: unknown; readonly lines: readonly Line[] };

export type Running = {
  /** Runs the handler once; its clock shows `at` when it begins. Rejects with what the handler threw, or when its time is over. */
  invoke(event: unknown, at: Ms): Promise<Invoked>;
  /** No further event; resolves when the process has ended by itself, or was killed at the function's time limit. */
  end(): Promise<void>;
};

/**
 * Sets the clock of a process, as often as it is told; its time goes on from there. Hosts whose names end in `.lab` are at
 * loopback: a function refuses to send there by address, and a name server is the way around, as it is for an attacker.
 */
const preload = `import dns from 'node:dns';
  const real = Date;
  let ahead = 0;
  globalThis.setClock = (at) => { ahead = at - real.now(); };
  globalThis.Date = class extends real {
    constructor(...given) { if (given.length === 0) super(real.now() + ahead); else super(...given); }
    static now() { return real.now() + ahead; }
  };
  const lookup = dns.lookup;
  dns.lookup = (name, options, done) =>
    name.endsWith('.lab') ? done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4) : lookup(name, options, done);`;

/** The module is loaded with the first event: what it does then belongs to the cold start. */
const script = `import { createInterface } from 'node:readline';
  const [file, name] = process.argv.slice(1);
  for await (const line of createInterface({ input: process.stdin })) {
    const { event, at } = JSON.parse(line);
    setClock(at);
    let said;
    try {
      said = { result: (await (await import(file))[name](event)) ?? null };
    } catch (error) {
      said = { error: String(error?.stack ?? error) };
    }
    process.stdout.write('\\nRESULT' + JSON.stringify(said) + '\\n');
  }`;

const result = /\nRESULT(.*)\n/;

/** Begins a process with the environment that the stack gives, `environment`, and nothing else of ours. `printed` is told all output. */
export const startFunction = (
  { file, handler, environment: ofStack, timeout }: Deployable,
  environment: Readonly<Record<string, string>>,
  printed: (text: string) => void,
): Running => {
  const child = spawn(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(preload)}`,
      '--input-type=module',
      '-e',
      script,
      pathToFileURL(file).href,
      handler,
    ],
    { env: { ...ofStack, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const closed = once(child, 'close');
  let output = '';
  let heard = () => {};
  const hear = (text: string) => {
    printed(text);
    heard();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    hear(text);
  });
  child.stderr.setEncoding('utf8').on('data', hear);
  void closed.then(() => heard());
  // A process that has died tells so by its end.
  child.stdin.on('error', () => {});

  const limited = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  };

  const answer = async (): Promise<RegExpExecArray> => {
    for (;;) {
      const found = result.exec(output);
      if (found !== null) return found;
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the function ended with ${child.signalCode ?? child.exitCode} and no result: ${output}`);
      await new Promise<void>((next) => {
        heard = next;
      });
    }
  };

  return {
    invoke: async (event, at) => {
      output = '';
      child.stdin.write(`${JSON.stringify({ event, at })}\n`);
      const found = await limited(answer());
      const said = JSON.parse(found[1] ?? '') as { readonly result?: unknown; readonly error?: string };
      if (said.error !== undefined) throw new Error(said.error);
      const lines = output
        .slice(0, found.index)
        .split('\n')
        .flatMap((line): Line[] => (line.startsWith('{') ? [JSON.parse(line)] : []));
      return { result: said.result, lines };
    },
    end: async () => {
      child.stdin.end();
      await limited(closed);
    },
  };
};
