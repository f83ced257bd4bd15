/** The Teller port over a webhook; its URL is a secret, and what remote servers wrote must stay words. */
import type { Incident, IncidentEvent } from '../core/incident.ts';
import type { Teller } from '../core/ports.ts';
import type { Ms } from '../core/words.ts';

export type WebhookPreset = 'json' | 'slack';

const keptWords = 500;

const iso = (at: Ms) => new Date(at).toISOString();

function json({ kind, key, incident }: IncidentEvent) {
  const { id, name, severity, cause, summary, evidence, remedy, routes, services, customers } = incident;
  return {
    kind,
    key,
    id,
    name,
    severity,
    cause,
    summary,
    evidence,
    remedy,
    routes: Object.keys(routes),
    services,
    customers,
    openedAt: iso(incident.openedAt),
    ...(incident.closedAt !== undefined && { closedAt: iso(incident.closedAt) }),
  };
}

/**
 * Words as a Slack code span, in which there are no mentions, links or markup: only a backtick could end it, only
 * `<` could begin a mention. Control and invisible characters (direction marks among them) become spaces.
 * @see https://docs.slack.dev/messaging/formatting-message-text
 */
function span(words: string): string {
  const text = words
    .slice(0, keptWords)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .replaceAll('`', 'ˋ')
    .replaceAll('@', '＠')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
  return text && `\`${text}\``;
}

/** Whatever is not a constant here may hold words of a remote server, so all of it is in code spans. */
function slack({ kind, incident }: IncidentEvent) {
  const {
    id,
    name,
    severity,
    summary,
    evidence = '',
    remedy,
    services,
    customers,
    openedAt,
    closedAt,
  }: Incident = incident;
  const lines: readonly (readonly [label: string, words: string])[] = [
    [`Incident ${kind} (${severity}):`, name],
    ['What:', summary],
    ['Said:', evidence],
    ['Do:', kind === 'closed' ? '' : remedy],
    ['Services:', services.join(', ')],
    ['Customers:', customers.join(', ')],
    ['Since:', iso(openedAt)],
    ['Until:', closedAt === undefined ? '' : iso(closedAt)],
    ['Id:', id],
  ];
  const text = lines.map(([label, words]) => [label, span(words)]).filter(([, words]) => words);
  return { text: text.map((line) => line.join(' ')).join('\n') };
}

const presets = { json, slack } as const satisfies Record<WebhookPreset, (event: IncidentEvent) => unknown>;

/** Says why a call failed without the URL, which fetch repeats in its messages and causes. */
function failure(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const code = error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : '';
  return code ? `no answer (${code})` : 'it failed';
}

async function post(url: string, body: unknown, signal: AbortSignal): Promise<void> {
  let status: number;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'mail-canary' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    });
    status = response.status;
    await response.body?.cancel();
  } catch (error) {
    // Without `cause`: whoever logs it would log the URL.
    throw new Error(`webhook: ${failure(error)}`);
  }
  if (status < 200 || status > 299) throw new Error(`webhook: answered ${status}`);
}

/**
 * Posts each event in order, under one deadline of `timeout` milliseconds for all of them and for the reading of the
 * URL. No retry and no redirect: `told` stays, and the next round tells again. Throws when the URL cannot be read or
 * is none, at the first answer that is not 2xx, and at the deadline; no message contains the URL.
 */
export function webhookTeller({
  url,
  timeout,
  preset,
}: {
  readonly url: () => Promise<string>;
  readonly timeout: Ms;
  readonly preset: WebhookPreset;
}): Teller {
  return {
    tell: async (events) => {
      if (events.length === 0) return;
      const deadline = AbortSignal.timeout(timeout);
      const late = new Promise<never>((_, reject) => {
        deadline.addEventListener('abort', () => reject(new Error('webhook: no answer in time')), { once: true });
      });
      late.catch(() => undefined);
      const target = (await Promise.race([url(), late])).trim();
      if (!/^https?:$/.test(URL.parse(target)?.protocol ?? ''))
        throw new Error('webhook: its url is not an http(s) URL');
      for (const event of events) await post(target, presets[preset](event), deadline);
    },
  };
}
