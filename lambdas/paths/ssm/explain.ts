/** What the `ssm` path needs of the network. */
import { type Explains, onwards, toAws } from '../explain.ts';
import type { SsmSettings } from './settings.ts';

export const explains: Explains<Pick<SsmSettings, 'via' | 'relay'>> = ({ via, relay }, host) => [
  toAws('sender', 'ssm', `commands ${host.id} through Systems Manager, and asks what became of it`),
  toAws('host', 'ssm', 'its agent takes commands from Systems Manager'),
  toAws('host', 'ssmmessages', 'its agent takes commands from Systems Manager'),
  toAws('host', 'ec2messages', 'its agent takes commands from Systems Manager, where it is an older one'),
  ...(via === 'ses' ? [toAws('host', 'email', 'sends with the AWS CLI and its own role')] : []),
  ...(via === 'smtp' && relay !== undefined
    ? [
        {
          from: 'host',
          to: relay.host,
          port: relay.port,
          protocol: relay.tls === 'starttls' ? 'SMTP with STARTTLS' : 'SMTP without TLS',
          why: 'sends to its relay',
        } as const,
      ]
    : []),
  ...(via === 'sendmail' ? [onwards] : []),
];
