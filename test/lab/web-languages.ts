/** The example endpoints of other languages, each in a small application as its users would have it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inFullWords, type Language, type Wanted } from '../examples/contract.ts';
import { freePort } from './dovecot.ts';
import { examples, nginxConf, type Site, siteOf } from './web-programs.ts';

const example = (name: string): string => readFileSync(join(examples, name), 'utf8');

/** The settings that every example but ASP.NET reads from the environment. */
const environment = ({ host, secret, recipients, perMinute, mostBody, relay }: Wanted): Record<string, string> => ({
  MAIL_CANARY_HOST: host,
  MAIL_CANARY_SECRET: secret,
  MAIL_CANARY_RECIPIENTS: recipients.join(','),
  MAIL_CANARY_PER_MINUTE: String(perMinute),
  MAIL_CANARY_MOST_BODY: String(mostBody),
  SMTP_HOST: relay.host,
  SMTP_PORT: String(relay.port),
});

/** Some applications' mails fail: asked by a page of the application, since the counter is inside of it. */
const failing = (url: (count: number) => string) => async (count: number) => {
  const { status } = await fetch(url(count), { headers: { connection: 'close' } });
  if (status !== 200) throw new Error(`the application answered ${status} where it counts a failure`);
};

export const python: Language = {
  name: 'Python',
  refusal: inFullWords,
  start: async (wanted) => {
    const port = await freePort();
    const site = siteOf({
      'mail_canary.py': example('python/mail_canary.py'),
      // The example's own server, with an application mounted beside the endpoint.
      'server.py': example('python/server.py').replace(
        'def not_found(environ, start_response):\n',
        `def not_found(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        for _ in range(int(environ["QUERY_STRING"])):
            endpoint.count_failure()
        start_response("200 OK", [("Content-Length", "0")])
        return []
`,
      ),
    });
    site.run('python3', ['server.py'], {
      ...environment(wanted),
      ...wanted.env,
      HOST: '127.0.0.1',
      PORT: String(port),
    });
    const url = `http://127.0.0.1:${port}/mail-canary`;
    await site.answers(url);
    return { url, countFailures: failing((count) => `http://127.0.0.1:${port}/fail?${count}`), stop: site.stop };
  },
};

const failingPhp = `<?php
require __DIR__ . '/mail-canary.php';
MailCanary::ofSite()->countFailure((int) $_GET['n']);
`;

const phpSite = (files: Readonly<Record<string, string>> = {}): Site =>
  siteOf({ 'mail-canary.php': example('php/mail-canary.php'), 'fail.php': failingPhp, ...files });

/** What the sendmail of a web host is: here msmtp, which waits for the server's answer. */
const sendmail = ({ relay }: Wanted, source: string) =>
  `msmtp -C /dev/null --host=${relay.host} --port=${relay.port} --auth=off --tls=off --source-ip=${source} -i -t`;

const phpStarted = (port: number, site: Site) => ({
  url: `http://127.0.0.1:${port}/mail-canary.php`,
  countFailures: failing((count) => `http://127.0.0.1:${port}/fail.php?n=${count}`),
  stop: site.stop,
});

const phpEnvironment = (wanted: Wanted, site: Site) => ({
  ...environment(wanted),
  MAIL_CANARY_STATE: join(site.folder, 'state'),
});

export const php: Language = {
  name: 'PHP with mail()',
  refusal: undefined,
  tellsCodes: false,
  start: async (wanted) => {
    const port = await freePort();
    const site = phpSite();
    const mail = `sendmail_path="${sendmail(wanted, wanted.env?.SMTP_SOURCE ?? '127.0.0.1')}"`;
    site.run('php', ['-d', mail, '-d', 'post_max_size=42M', '-S', `127.0.0.1:${port}`, '-t', site.folder], {
      ...phpEnvironment(wanted, site),
      PHP_CLI_SERVER_WORKERS: '4',
    });
    const started = phpStarted(port, site);
    await site.answers(started.url);
    return started;
  },
};

/** The mailer of the comment in mail-canary.php, as it stands there. */
const phpMailer = (relay: Wanted['relay']): string => {
  const lines = example('php/mail-canary.php').split('\n');
  const from = lines.findIndex((line) => line.includes("'mailer' => function (array $mail): array {"));
  const to = lines.findIndex((line, index) => index > from && line.trim() === '*   }');
  const code = lines.slice(from, to + 1).map((line) => line.replace(/^ \* ?/, ''));
  return `<?php
use PHPMailer\\PHPMailer\\PHPMailer;
foreach (['Exception', 'SMTP', 'PHPMailer'] as $name) require_once "/usr/share/php/libphp-phpmailer/src/$name.php";
function my_application_mailer(): PHPMailer
{
    $mailer = new PHPMailer(true);
    $mailer->isSMTP();
    [$mailer->Host, $mailer->Port, $mailer->SMTPAutoTLS] = ['${relay.host}', ${relay.port}, false];
    return $mailer;
}
return [
${code.join('\n')},
];
`;
};

/** Debian names the program after the version of PHP. */
const fpm = (): string => {
  const found = readdirSync('/usr/sbin').find((name) => /^php-fpm[\d.]*$/.test(name));
  if (found === undefined) throw new Error('php-fpm is not installed: apt-get install php-fpm');
  return join('/usr/sbin', found);
};

export const phpFpm: Language = {
  name: 'PHP-FPM with PHPMailer',
  refusal: inFullWords,
  tellsCodes: false,
  start: async (wanted) => {
    const [port, back] = [await freePort(), await freePort()];
    const site = phpSite({ 'mail-canary-settings.php': phpMailer(wanted.relay) });
    const env = Object.entries(phpEnvironment(wanted, site)).map(([name, value]) => `env[${name}] = "${value}"`);
    const files = siteOf({
      'fpm.conf': `[global]
daemonize = no
error_log = ${site.folder}/fpm.log
[www]
user = nobody
group = nogroup
listen = 127.0.0.1:${back}
pm = static
pm.max_children = 4
php_admin_value[post_max_size] = 42M
${env.join('\n')}
`,
      'nginx.conf': nginxConf(site.folder, port, back),
    });
    site.share();
    site.run(fpm(), ['--nodaemonize', '--fpm-config', join(files.folder, 'fpm.conf')]);
    site.run('nginx', ['-c', join(files.folder, 'nginx.conf')]);
    const started = phpStarted(port, site);
    await site.answers(started.url);
    return {
      ...started,
      stop: async () => {
        await started.stop();
        await files.stop();
      },
    };
  },
};

const webConfig = ({ host, secret, recipients, perMinute, mostBody, relay }: Wanted): string => `<?xml version="1.0"?>
<configuration>
  <appSettings>
    <add key="MailCanary.Host" value="${host}" />
    <add key="MailCanary.Secret" value="${secret}" />
    <add key="MailCanary.Recipients" value="${recipients.join(', ')}" />
    <add key="MailCanary.PerMinute" value="${perMinute}" />
    <add key="MailCanary.MostBody" value="${mostBody}" />
  </appSettings>
  <system.web>
    <compilation targetFramework="4.5" />
    <httpRuntime maxRequestLength="43008" />
  </system.web>
  <system.net>
    <mailSettings>
      <smtp deliveryMethod="Network"><network host="${relay.host}" port="${relay.port}" /></smtp>
    </mailSettings>
  </system.net>
</configuration>
`;

const failingAspnet = `<%@ WebHandler Language="C#" Class="Fail" %>
public class Fail : System.Web.IHttpHandler
{
    public bool IsReusable { get { return true; } }
    public void ProcessRequest(System.Web.HttpContext context)
    {
        for (int left = int.Parse(context.Request.QueryString["n"]); left > 0; left--) MailCanaryFailures.Count();
    }
}
`;

export const aspnet: Language = {
  name: 'ASP.NET',
  // Mono's SmtpClient keeps the words of a refused recipient to itself; .NET's does not (aspnet.test.ts).
  refusal: /^554$/,
  start: async (wanted) => {
    const [port, back] = [await freePort(), await freePort()];
    const site = siteOf({
      'mail-canary.ashx': example('aspnet/mail-canary.ashx'),
      'App_Code/MailCanaryFailures.cs': example('aspnet/MailCanaryFailures.cs'),
      'fail.ashx': failingAspnet,
      'Web.config': webConfig(wanted),
    });
    const files = siteOf({ 'nginx.conf': nginxConf(site.folder, port, back) });
    site.run('fastcgi-mono-server4', [`/applications=/:${site.folder}`, `/socket=tcp:127.0.0.1:${back}`]);
    site.run('nginx', ['-c', join(files.folder, 'nginx.conf')]);
    const url = `http://127.0.0.1:${port}/mail-canary.ashx`;
    await site.answers(url);
    return {
      url,
      countFailures: failing((count) => `http://127.0.0.1:${port}/fail.ashx?n=${count}`),
      stop: async () => {
        await site.stop();
        await files.stop();
      },
    };
  },
};
