/** What the `smtp` path needs of the network. */
import { fill } from '../../settings/template.ts';
import { type Connection, type Explains, onwards, toUrl } from '../explain.ts';
import { isSecure, isTemplated, portOf, requiresTls, type SmtpSettings } from './settings.ts';

const protocolOf = (settings: SmtpSettings, server: string): string => {
  if (isSecure(settings)) return 'SMTP over TLS';
  if (requiresTls(settings, server)) return 'SMTP with STARTTLS';
  return settings.ignoreTls === true ? 'SMTP without TLS' : 'SMTP, STARTTLS where offered';
};

/** Where the login gets its token, if it needs one. */
const tokenFrom = ({ auth }: SmtpSettings): readonly Connection[] => {
  const url = URL.parse(auth?.oauth2?.tokenUrl ?? '');
  return url === null ? [] : [{ from: 'sender', ...toUrl(url), why: 'fetches the token of the login' }];
};

export const explains: Explains<SmtpSettings> = (settings, host) => {
  const server = fill(settings.host, host, { allowLocal: true });
  const why = isTemplated(settings)
    ? `submits to the mail server of ${host.id}`
    : settings.mustRefuse === undefined
      ? 'submits to the mail server'
      : 'tries to relay as a stranger, which the server must refuse';
  return [
    {
      from: 'sender',
      leavesFrom: settings.localAddress,
      to: server,
      port: portOf(settings),
      protocol: protocolOf(settings, server),
      why,
    },
    ...tokenFrom(settings),
    ...(isTemplated(settings) ? [onwards] : []),
  ];
};
