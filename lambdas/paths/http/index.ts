/** Through the web application: catches what SMTP cannot show, such as an exception that the application swallows. */
import { definePath } from '../kind.ts';
import { openHttp } from './send.ts';
import { type HttpSettings, shape } from './settings.ts';

export const http = definePath({
  kind: 'http',
  settings: shape,
  leavesFromHost: () => true,
  sharedServer: () => undefined,
  secrets: (settings: HttpSettings) => [settings.secret],
  needs: () => [],
  open: openHttp,
});
