/** Types of mail-canary-host.mjs, for applications in TypeScript. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export type MailCanaryHandlerOptions = {
  /** The id of this host as the monitor knows it. */
  readonly host: string;
  /** Shared with the monitor. */
  readonly secret: string;
  /** The application's own nodemailer transport. */
  // biome-ignore lint/suspicious/noExplicitAny: any nodemailer transport fits, whatever its result type
  readonly transport: { sendMail(mail: any): Promise<any>; options?: any };
  /** The only addresses that canaries may go to. */
  readonly recipients: readonly string[];
  /** The only sender that is accepted; default: whatever the monitor asks for. */
  readonly from?: string;
  /** New mails per recipient and minute, on average; default 1. */
  readonly perMinute?: number;
  /** Bytes of a request body; default 16,384. A canary with `size: 5 MB` needs about 7,000,000. */
  readonly mostBody?: number;
  /** The path that the monitor calls, where a proxy on the way changes it. */
  readonly path?: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

export type MailCanaryHandler = ((
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void) & {
  /** Counts a mail of the application's own that failed: the next answer tells the monitor how many there were. */
  readonly countFailure: () => void;
  /** The application's transport, counting what fails through it. Not for `options.transport`: canaries are not the application's own mail. */
  // biome-ignore lint/suspicious/noExplicitAny: any nodemailer transport fits
  readonly counting: <T extends { sendMail(mail: any, done?: any): any }>(transport: T) => T;
};

export declare const mailCanaryHandler: (options: MailCanaryHandlerOptions) => MailCanaryHandler;
