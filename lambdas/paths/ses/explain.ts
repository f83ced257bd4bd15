/** What the `ses` path needs of the network. */
import { type Explains, toAws } from '../explain.ts';
import type { SesSettings } from './settings.ts';

export const explains: Explains<Pick<SesSettings, 'identity'>> = ({ identity }) => [
  toAws('sender', 'email', `asks SES to send${identity === undefined ? '' : ` as ${identity}`}`),
  {
    from: 'ses',
    to: "the mail servers (MX) of the mailboxes' domains",
    port: 25,
    protocol: 'SMTP, STARTTLS where offered',
    why: 'delivers',
  },
];
