/** What the `heartbeat` path needs of the network. */
import { type Explains, onwards, toUrl } from '../explain.ts';
import { type HeartbeatSettings, isSecure } from './settings.ts';

type Relay = NonNullable<HeartbeatSettings['relay']>;

const protocolOf = (relay: Relay): string => {
  if (isSecure(relay)) return 'SMTP over TLS';
  return relay.requireTls ? 'SMTP with STARTTLS' : 'SMTP without TLS';
};

export const explains: Explains<Pick<HeartbeatSettings, 'via' | 'relay' | 'noteUrl'>> = ({ via, relay, noteUrl }) => {
  const url = noteUrl === undefined ? null : URL.parse(noteUrl);
  return [
    {
      from: 'host',
      ...(url === null ? { to: 'the function URL of "note"', port: 443, protocol: 'HTTPS' } : toUrl(url)),
      why: 'tells that it sends, and what came of it; without this way out the mail alone is awaited',
    },
    via === 'smtp' && relay !== undefined
      ? { from: 'host', to: relay.host, port: relay.port, protocol: protocolOf(relay), why: 'sends to its relay' }
      : onwards,
  ];
};
