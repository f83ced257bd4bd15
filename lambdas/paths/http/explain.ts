/** What the `http` path needs of the network. */
import { fill } from '../../settings/template.ts';
import { type Connection, type Explains, toUrl } from '../explain.ts';
import type { HttpSettings } from './settings.ts';

export const explains: Explains<Pick<HttpSettings, 'url' | 'through'>> = (settings, host) => {
  const url = new URL(fill(settings.url, host, { allowLocal: true }));
  const balanced = settings.through === 'balancer';
  const asked: Connection = {
    from: 'sender',
    ...toUrl(url),
    why: balanced ? `asks for ${host.id} through the load balancer` : `asks the application on ${host.id} to send`,
  };
  return [
    asked,
    ...(balanced
      ? [
          {
            from: 'balancer',
            to: host.address ?? host.id,
            protocol: asked.protocol,
            why: 'passes the request on',
          } as const,
        ]
      : []),
    {
      from: 'host',
      to: "the application's mail server",
      protocol: 'SMTP',
      why: "sends with the application's own mailer",
    },
  ];
};
