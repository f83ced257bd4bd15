/** What the longer lab tests share: the tool's commands run to their end, and a refusing server behind the relay. */
import type { ChildProcess } from 'node:child_process';
import { SMTPServer } from 'smtp-server';

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Waits for the end of a process, and keeps what it prints. */
export const ended = async (child: ChildProcess): Promise<Ended> => {
  // As bytes: others may listen to the same stream, and a letter may come in two pieces.
  const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', (chunk: Buffer) => said[name].push(chunk));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const text = (name: keyof typeof said) => Buffer.concat(said[name]).toString();
  return { status, stdout: text('stdout'), stderr: text('stderr') };
};

/** A server on loopback that takes mail over LMTP for nobody, and says why; a relay that has taken the mail returns it. */
export const startRefusing = async (port: number, host: string, words: string): Promise<() => Promise<void>> => {
  const server = new SMTPServer({
    lmtp: true,
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo: (_, __, callback) => callback(Object.assign(new Error(words), { responseCode: 550 })),
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => {
    server.listen(port, host, resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
};
