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
  /** The path that the monitor calls, where a proxy on the way changes it. */
  readonly path?: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

export declare const mailCanaryHandler: (
  options: MailCanaryHandlerOptions,
) => (req: IncomingMessage, res: ServerResponse, next?: (error?: unknown) => void) => void;
