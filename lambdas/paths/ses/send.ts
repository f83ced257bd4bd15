/** One SendRawEmail within one deadline: no retry, no recipient but the mailbox. */
import type { SESClient } from '@aws-sdk/client-ses';
import { mimeOf } from '../../core/mime.ts';
import type { Send } from '../../core/ports.ts';
import { asEvidence } from '../../core/replies.ts';
import type { CanaryMail } from '../../core/words.ts';
import type { PathContext } from '../kind.ts';
import { type Attempt, accepted, failed } from './causes.ts';
import { follow } from './follow.ts';
import { configurationSetOf, type SesSettings, usesStackSet } from './settings.ts';

/** Letters, digits, "_" and "-", at most 256 of them: more is refused, and the mail with it. */
const tagValue = (text: string): string => text.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 256) || '_';

/**
 * For those who look at SES's own events, and the signed token once more: events of delays carry tags and no headers.
 * A tag is too short for it, so it goes in parts. lambdas/adapters/ses-events.ts reads them.
 */
const tagsOf = (mail: CanaryMail, monitor: string) => {
  const token = Buffer.from(mail.headers['X-Mail-Canary'] ?? '').toString('base64url');
  const parts = (token.match(/.{1,256}/g) ?? []).slice(0, 9);
  return [
    { Name: 'mail-canary', Value: tagValue(mail.id) },
    { Name: 'mail-canary-monitor', Value: tagValue(monitor) },
    ...parts.map((Value, index) => ({ Name: `mail-canary-token-${index + 1}`, Value })),
  ];
};

/** The request as it goes over the wire, when it is one of HTTP. */
const requestOf = (request: unknown) => {
  const { hostname, port, protocol, headers } = request as {
    hostname: string;
    port?: number;
    protocol: string;
    headers: Record<string, string>;
  };
  return { hostname, headers, secure: protocol === 'https:', server: port ? `${hostname}:${port}` : hostname };
};

/** Opens the path: nothing is connected until a mail is sent. */
export const openSes = (settings: SesSettings, context: PathContext): Send => {
  const { identityArn } = settings;
  const set = configurationSetOf(settings, context.monitor);
  let kept: Promise<SESClient> | undefined;
  const clientOf = (): Promise<SESClient> => {
    kept ??= context.aws.ses();
    kept.catch(() => {
      kept = undefined;
    });
    return kept;
  };
  return (mail, _host, deadline) =>
    follow(async (followed) => {
      const { sentAt } = mail;
      if (deadline.aborted) {
        const evidence = 'the deadline had passed before the attempt began';
        return { state: 'unsent', cause: 'sent-too-late', sentAt, evidence };
      }
      let server: string | undefined;
      let secrets: readonly string[] = [];
      const attempt = (): Attempt => ({
        mail,
        ownSet: usesStackSet(settings),
        deadline,
        server,
        begun: followed.begun(),
        stage: followed.stage(),
        sent: followed.sent(),
        secrets,
      });
      const ask = async () => {
        const [client, { SendRawEmailCommand }] = await Promise.all([clientOf(), import('@aws-sdk/client-ses')]);
        const command = new SendRawEmailCommand({
          Source: mail.from,
          Destinations: [mail.to],
          RawMessage: { Data: mimeOf(mail) },
          Tags: tagsOf(mail, context.monitor),
          ...(set !== undefined && { ConfigurationSetName: set }),
          ...(identityArn !== undefined && {
            SourceArn: identityArn,
            FromArn: identityArn,
            ReturnPathArn: identityArn,
          }),
        });
        command.middlewareStack.add(
          (next) => (args) => {
            const request = requestOf(args.request);
            // A connection that waited while the function was frozen may be dead, and there is no second try.
            request.headers.connection = 'close';
            server = request.server;
            secrets = [request.headers['x-amz-security-token'] ?? '', request.headers.authorization ?? ''];
            followed.begin(request);
            return next(args);
          },
          // After the signature: the last step before the request.
          { step: 'deserialize', priority: 'low' },
        );
        return client.send(command, { abortSignal: deadline });
      };
      let stop = () => {};
      // The SDK looks up credentials for as long as it likes.
      const late = new Promise<never>((_, reject) => {
        stop = () => reject(new Error('the deadline passed'));
        deadline.addEventListener('abort', stop, { once: true });
      });
      try {
        const { MessageId } = await Promise.race([ask(), late]);
        return accepted(attempt(), MessageId);
      } catch (error) {
        return failed(attempt(), error instanceof Error ? error : new Error(asEvidence(String(error))));
      } finally {
        deadline.removeEventListener('abort', stop);
      }
    });
};
