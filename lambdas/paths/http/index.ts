/** Through the web application: catches what SMTP cannot show, such as an exception that the application swallows. */
import { definePath } from '../kind.ts';
import { explains } from './explain.ts';
import { openHttp } from './send.ts';
import { type HttpSettings, shape } from './settings.ts';

export const http = definePath({
  kind: 'http',
  settings: shape,
  leavesFromHost: () => true,
  sharedServer: () => undefined,
  secrets: (settings: HttpSettings) => [settings.secret],
  needs: () => [],
  mistakes: ({ url, through }: HttpSettings) =>
    through === 'balancer' && url.includes('{host.')
      ? [
          {
            key: 'url',
            message: `must be the one address of the load balancer, without {host.…}, with "through: balancer", got ${JSON.stringify(url)}`,
          },
        ]
      : [],
  explains,
  open: openHttp,
});
