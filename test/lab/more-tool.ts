/** What the longer lab tests share: the tool's commands run to their end, and a refusing server behind the relay. */
import type { ChildProcess } from 'node:child_process';
import { SMTPServer } from 'smtp-server';

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Waits for the end of a process, and keeps what it prints. */
export const ended = async (child: ChildProcess): Promise<Ended> => {
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, ...text };
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
