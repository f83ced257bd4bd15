<?php
/**
 * The endpoint that a web application offers to Mail Canary: it checks who asks, and sends the canary as the application does.
 *
 * Copy this file into your site; it needs PHP 7.4 and nothing else. The protocol is in the README of Mail Canary. Settings come
 * from the environment (MAIL_CANARY_SECRET, MAIL_CANARY_RECIPIENTS, MAIL_CANARY_HOST, ...) or from mail-canary-settings.php beside
 * it, which returns an array: ['secret' => ..., 'recipients' => [...], 'host' => ..., 'mailer' => function (array $mail): array].
 *
 * Without a mailer it uses mail(), which says only yes or no. If your application sends in another way, send that way, or
 * nothing is proven; for PHPMailer:
 *   'mailer' => function (array $mail): array {
 *       $mailer = my_application_mailer();                    // as your application makes it: host, login, TLS
 *       $mailer->setFrom($mail['from']); $mailer->addAddress($mail['to']);
 *       $mailer->Subject = $mail['subject']; $mailer->Body = $mail['text']; $mailer->MessageID = $mail['messageId'];
 *       foreach ($mail['headers'] as $name => $value) $mailer->addCustomHeader($name, $value);
 *       if ($mail['attachment']) $mailer->addStringAttachment($mail['attachment']['bytes'], $mail['attachment']['name']);
 *       $said = '';                                           // the last reply of the server, but for its good-bye
 *       $mailer->SMTPDebug = 2;
 *       $mailer->Debugoutput = function (string $line) use (&$said) {
 *           if (preg_match('/SERVER -> CLIENT: ((?!221)\d{3}.*)/s', $line, $found)) $said = trim($found[1]);
 *       };
 *       $told = function () use (&$said, $mailer) { return ['response' => $said, 'server' => $mailer->Host]; };
 *       try { $mailer->send(); } catch (Exception $error) { return ['error' => $error->getMessage()] + $told(); }
 *       return $told();
 *   }
 * A mailer returns what the server said, with 'error' when the mail was not taken; that it throws counts as an error as well.
 */
final class MailCanary
{
    private const MOST_SKEW = 300;
    /** How long an id is remembered: longer than a signature can be used. */
    private const REMEMBER_FOR = 3600;

    /** @var array<string, mixed> */
    private $settings;
    /** @var string */
    private $state;

    /** @param array<string, mixed> $given what the file of settings returns; the environment fills the rest */
    public function __construct(array $given = [])
    {
        $env = static function (string $name): ?string {
            $value = $_SERVER['MAIL_CANARY_' . $name] ?? getenv('MAIL_CANARY_' . $name);
            return is_string($value) && $value !== '' ? $value : null;
        };
        $this->settings = $given + [
            'host' => $env('HOST') ?? gethostname(),
            'secret' => $env('SECRET'),
            'recipients' => array_filter(explode(',', $env('RECIPIENTS') ?? '')),
            'from' => $env('FROM'),
            'perMinute' => (float) ($env('PER_MINUTE') ?? 1),
            'mostBody' => (int) ($env('MOST_BODY') ?? 16384),
            'path' => $env('PATH'),
            'mailer' => null,
            'state' => $env('STATE') ?? sys_get_temp_dir() . '/mail-canary-' . substr(hash('sha256', __FILE__), 0, 16),
        ];
        $this->state = $this->settings['state'];
    }

    /** The endpoint with the settings of this site. */
    public static function ofSite(): self
    {
        $file = __DIR__ . '/mail-canary-settings.php';
        return new self(is_file($file) ? require $file : []);
    }

    /** Counts a mail of the application's own that failed: the next answer tells the monitor how many there were. */
    public function countFailure(int $count = 1): void
    {
        $this->open();
        $this->locked('failures', static function (?array $before) use ($count): array {
            return ['count' => max(0, ($before['count'] ?? 0) + $count)];
        });
    }

    /** Answers one request. */
    public function run(): void
    {
        ini_set('display_errors', '0');
        ignore_user_abort(true);
        $signature = null;
        try {
            [$status, $body] = $this->answer($signature);
        } catch (Throwable $error) {
            error_log('mail-canary: ' . $error->getMessage());
            [$status, $body] = [500, ['error' => 'the endpoint failed: see the error log of PHP']];
        }
        $told = 0;
        if (isset($body['state']) && is_file($this->state . '/failures')) {
            $this->locked('failures', static function (?array $before) use (&$told): array {
                $told = min($before['count'] ?? 0, 1000000);
                return ['count' => ($before['count'] ?? 0) - $told];
            });
            $body['failures'] = $told;
        }
        $text = json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES);
        http_response_code($status);
        header('Content-Type: application/json');
        header('Content-Length: ' . strlen($text));
        if ($signature !== null) {
            header('X-Mail-Canary-Signature: ' . $this->mac('v1', 'answer', $status, $signature, hash('sha256', $text)));
        }
        echo $text;
        flush();
        // What did not go out is told next time.
        if ($told > 0 && connection_aborted()) {
            $this->countFailure($told);
        }
    }

    /** @return array{0: int, 1: array<string, mixed>} status and body; sets the signature of a request that is signed */
    private function answer(?string &$signature): array
    {
        ['host' => $host, 'secret' => $secret, 'mostBody' => $most] = $this->settings;
        if (!is_string($secret) || $secret === '' || !is_string($host)) {
            throw new RuntimeException('the settings need a host and a secret');
        }
        if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
            return [405, ['error' => 'only POST']];
        }
        $raw = (int) ($_SERVER['CONTENT_LENGTH'] ?? 0) > $most ? null : file_get_contents('php://input', false, null, 0, $most + 1);
        if (!is_string($raw) || strlen($raw) > $most) {
            return [413, ['error' => "a body has at most $most bytes; larger canaries need MAIL_CANARY_MOST_BODY and post_max_size"]];
        }
        $timestamp = (string) ($_SERVER['HTTP_X_MAIL_CANARY_TIMESTAMP'] ?? '');
        $given = (string) ($_SERVER['HTTP_X_MAIL_CANARY_SIGNATURE'] ?? '');
        $path = $this->settings['path'] ?? $_SERVER['REQUEST_URI'];
        $fresh = preg_match('/^\d{1,12}$/D', $timestamp) && abs(time() - (int) $timestamp) <= self::MOST_SKEW;
        if (!$fresh || !hash_equals($this->mac('v1', 'POST', $path, $timestamp, hash('sha256', $raw)), $given)) {
            return [401, ['error' => 'the signature or its timestamp is wrong: compare secret, path and clock']];
        }
        $signature = $given;
        $mail = json_decode($raw, true, 8);
        $wrong = self::faultOf($mail);
        if ($wrong !== null) {
            return [400, ['error' => $wrong]];
        }
        if ($mail['host'] !== $host) {
            return [421, ['host' => $host]];
        }
        foreach ($this->settings['recipients'] as $recipient) {
            if (strcasecmp($recipient, $mail['to']) === 0) {
                $mail['to'] = $recipient;
                $known = true;
            }
        }
        if (!isset($known)) {
            return [403, ['error' => 'this recipient is not in the list of this endpoint']];
        }
        if ($this->settings['from'] !== null && $mail['from'] !== $this->settings['from']) {
            return [403, ['error' => 'this sender is not the one of this endpoint']];
        }
        $this->open();
        // Who asks a second time while the mail is being sent waits for the lock, and gets the same answer.
        $answer = [429, ['error' => "no more than {$this->settings['perMinute']} a minute for one recipient"]];
        $this->locked('id-' . hash('sha256', $mail['id']), function (?array $before) use ($mail, &$answer): ?array {
            if ($before !== null || $this->mayGoTo($mail['to'])) {
                $answer = $before ?? $this->send($mail);
            }
            return $answer[0] === 429 ? null : $answer;
        });
        return $answer;
    }

    /** One a minute on average; one more at once, because canaries of two minutes may come a few seconds apart. */
    private function mayGoTo(string $recipient): bool
    {
        $may = false;
        $this->locked('to-' . hash('sha256', $recipient), function (?array $before) use (&$may): array {
            $most = $this->settings['perMinute'] + 1;
            $now = microtime(true);
            $left = min($most, ($before['left'] ?? $most) + ($now - ($before['at'] ?? $now)) / 60 * $this->settings['perMinute']);
            $may = $left >= 1;
            return ['at' => $now, 'left' => $may ? $left - 1 : $left];
        });
        return $may;
    }

    /** @return array{0: int, 1: array<string, mixed>} */
    private function send(array $mail): array
    {
        try {
            if (isset($mail['attachment'])) {
                $mail['attachment'] += ['bytes' => base64_decode($mail['attachment']['base64'])];
            }
            $said = ($this->settings['mailer'] ?? [self::class, 'byMail'])($mail + ['attachment' => null]);
            $response = (string) ($said['response'] ?? '');
            if (isset($said['error'])) {
                return [502, array_filter(['state' => 'failed', 'error' => $said['error'], 'response' => $response, 'server' => $said['server'] ?? null])];
            }
            $queueId = preg_match('/queued as ([\w.-]+)/i', $response, $found) ? $found[1] : null;
            $told = ['state' => 'sent', 'response' => $response, 'queueId' => $queueId, 'server' => $said['server'] ?? null];
            return [200, array_filter($told)];
        } catch (Throwable $error) {
            // The monitor must hear of it: an exception that nobody hears of is what it was installed against.
            return [502, ['state' => 'failed', 'error' => $error->getMessage()]];
        }
    }

    /** @return array<string, mixed> PHP's own mail(): sendmail_path of php.ini decides how it leaves */
    private static function byMail(array $mail): array
    {
        $headers = ['From' => $mail['from'], 'Message-ID' => $mail['messageId'], 'MIME-Version' => '1.0'] + $mail['headers'];
        $text = $mail['text'];
        if ($mail['attachment'] === null) {
            $headers += ['Content-Type' => 'text/plain; charset=us-ascii', 'Content-Transfer-Encoding' => '7bit'];
        } else {
            $boundary = '=_mail-canary-' . bin2hex(random_bytes(12));
            $headers += ['Content-Type' => "multipart/mixed; boundary=\"$boundary\""];
            $part = "--$boundary\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
                . "Content-Disposition: attachment; filename=\"{$mail['attachment']['name']}\"\n\n"
                . chunk_split($mail['attachment']['base64'], 76, "\n");
            $text = "--$boundary\nContent-Type: text/plain; charset=us-ascii\n\n$text\n$part--$boundary--\n";
        }
        // mail() hands this to a shell, escaped; what would need escaping is refused all the same.
        if (!preg_match('/^[A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+$/D', $mail['from'])) {
            throw new RuntimeException('the sender has characters that cannot be handed to sendmail');
        }
        error_clear_last();
        if (!mail($mail['to'], $mail['subject'], $text, $headers, '-f' . $mail['from'])) {
            $why = error_get_last()['message'] ?? 'no words: see the log of the program in sendmail_path';
            throw new RuntimeException("mail() failed: $why");
        }
        return [];
    }

    /** What is wrong with a request; a line break or an address list in a field would be a way to other headers and recipients. */
    private static function faultOf($mail): ?string
    {
        if (!is_array($mail) || array_key_exists(0, $mail) || $mail === []) {
            return 'the body must be a JSON object';
        }
        foreach (['host', 'id', 'from', 'to', 'subject', 'messageId', 'text'] as $name) {
            if (!isset($mail[$name]) || !is_string($mail[$name]) || $mail[$name] === '') {
                return "$name must be a text";
            }
            if ($name !== 'text' && preg_match('/[\x00-\x1f\x7f]/', $mail[$name])) {
                return "$name must be one line";
            }
        }
        foreach (['from', 'to'] as $name) {
            if (!preg_match('/^[^\s,;:<>()"@]+@[^\s,;:<>()"@]+$/D', $mail[$name])) {
                return "$name must be one plain address";
            }
        }
        if (!isset($mail['headers']) || !is_array($mail['headers']) || array_key_exists(0, $mail['headers'])) {
            return 'headers must be an object';
        }
        foreach ($mail['headers'] as $name => $value) {
            if (!in_array(strtolower((string) $name), ['x-mail-canary', 'auto-submitted'], true)) {
                return 'only the headers X-Mail-Canary and Auto-Submitted are accepted';
            }
            if (!is_string($value) || preg_match('/[\x00-\x1f\x7f]/', $value)) {
                return 'every header must be one line';
            }
        }
        if (!array_key_exists('attachment', $mail)) {
            return null;
        }
        ['name' => $name, 'type' => $type, 'base64' => $base64] = (array) $mail['attachment'] + ['name' => 0, 'type' => 0, 'base64' => 0];
        if (!is_string($name) || !preg_match('/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/D', $name) || $type !== 'application/octet-stream') {
            return 'attachment must have a plain file name and the type application/octet-stream';
        }
        return is_string($base64) && base64_decode($base64, true) !== false ? null : 'attachment.base64 must be base64';
    }

    private function mac(...$lines): string
    {
        return 'v1=' . hash_hmac('sha256', implode("\n", $lines), $this->settings['secret']);
    }

    /** The folder in which requests find each other's memory; nobody else may read or prepare it. */
    private function open(): void
    {
        if (!is_dir($this->state)) {
            mkdir($this->state, 0700);
        }
        $others = function_exists('posix_geteuid') && fileowner($this->state) !== posix_geteuid();
        if (is_link($this->state) || !is_dir($this->state) || $others) {
            throw new RuntimeException("{$this->state} must be a folder of this user: set MAIL_CANARY_STATE");
        }
        foreach (array_merge(glob($this->state . '/id-*') ?: [], glob($this->state . '/to-*') ?: []) as $file) {
            if (@filemtime($file) < time() - self::REMEMBER_FOR) {
                @unlink($file);
            }
        }
    }

    /** Reads a file of the memory, lets `$change` have it, and writes what that returns (null: nothing), all under a lock. */
    private function locked(string $name, callable $change): void
    {
        $file = fopen($this->state . '/' . $name, 'c+');
        if ($file === false || !flock($file, LOCK_EX)) {
            throw new RuntimeException("{$this->state} cannot be written");
        }
        $before = json_decode((string) stream_get_contents($file), true);
        $after = $change(is_array($before) ? $before : null);
        if ($after !== null) {
            ftruncate($file, 0);
            rewind($file);
            fwrite($file, json_encode($after, JSON_INVALID_UTF8_SUBSTITUTE));
        }
        fclose($file);
    }
}

if (realpath($_SERVER['SCRIPT_FILENAME'] ?? '') === __FILE__) {
    MailCanary::ofSite()->run();
}
