/** The mailbox contract on the embedded IMAP server: over TLS, STARTTLS and, on loopback, in plain text. */
import { mailboxContract } from './contract.ts';
import { ca, certificate, mailServer, settingsFor, startEmbedded } from './embedded.ts';

mailboxContract('embedded, TLS', { start: async () => mailServer(await startEmbedded()) });

mailboxContract('embedded, STARTTLS', {
  start: async () => {
    const server = await startEmbedded({ startTls: true });
    const imap = { host: '127.0.0.1', port: server.port, secure: false, tls: { ca } };
    return mailServer(server, settingsFor(server.port, { imap }));
  },
});

mailboxContract('embedded, plain text on loopback', {
  start: async () => {
    const server = await startEmbedded({ tls: certificate('server'), startTls: true });
    return mailServer(
      server,
      settingsFor(server.port, { imap: { host: '127.0.0.1', port: server.port, secure: false } }),
    );
  },
});
