"""The endpoint that a web application offers to Mail Canary: it checks who asks, and sends the canary as the application does.

Copy this file; it needs nothing but Python 3.9. The protocol is in the README of Mail Canary.
"""
import base64
import errno
import hashlib
import hmac
import json
import re
import smtplib
import socket
import threading
import time
from email.message import EmailMessage
from email.policy import SMTP

MOST_SKEW = 5 * 60
# How long an id is remembered, and how many at most: longer than a signature can be used.
REMEMBER_FOR, REMEMBER_MOST = 60 * 60, 10_000
ALLOWED_HEADERS = ("x-mail-canary", "auto-submitted")
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 405: "Method Not Allowed"}
REASONS.update({413: "Content Too Large", 421: "Misdirected Request", 429: "Too Many Requests", 502: "Bad Gateway"})


def smtp_sender(host, port=25, timeout=60, source_address=None):
    """Sends by SMTP and answers (reply, server). Give your application's own way instead, and let it raise."""

    class Saying(smtplib.SMTP):
        def data(self, msg):
            self.said = super().data(msg)
            return self.said

    def send(message, sender, recipient):
        with Saying(host, port, timeout=timeout, source_address=source_address) as server:
            server.send_message(message, sender, [recipient])
            return reply_of(*server.said), host

    send.server = host
    return send


def reply_of(code, words):
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"


def failure_of(error, server):
    """What the mailer said, in the words of the server where there are any."""
    response = code = None
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        response = reply_of(*next(iter(error.recipients.values())))
    elif isinstance(error, smtplib.SMTPResponseException):
        response = reply_of(error.smtp_code, error.smtp_error)
    elif isinstance(error, socket.gaierror):
        code = "ENOTFOUND"
    elif isinstance(error, (socket.timeout, TimeoutError)):
        code = "ETIMEDOUT"
    elif isinstance(error, OSError) and error.errno is not None:
        code = errno.errorcode.get(error.errno)
    told = {"state": "failed", "error": str(error) or type(error).__name__, "response": response, "server": server, "code": code}
    return 502, {name: value for name, value in told.items() if value is not None}


class MailCanary:
    """A WSGI application. `send(message, sender, recipient)` is the application's own mailer; it raises when it fails and
    may answer (reply of the server, name of the server). Memory is per process: see the README about several workers."""

    def __init__(self, host, secret, recipients, send, sender=None, per_minute=1, most_body=16 * 1024, path=None, now=time.time):
        if not host or not secret:
            raise ValueError("MailCanary needs a host and a secret")
        self.host, self.secret, self.recipients, self.send = host, secret.encode(), list(recipients), send
        self.sender, self.per_minute, self.most_body, self.path, self.now = sender, per_minute, most_body, path, now
        self.lock, self.answers, self.recent = threading.Lock(), {}, {}
        self.failures = None

    def count_failure(self):
        """Counts a mail of the application's own that failed: the next answer tells the monitor how many there were."""
        with self.lock:
            self.failures = (self.failures or 0) + 1

    def mac(self, *lines):
        return "v1=" + hmac.new(self.secret, "\n".join(lines).encode(), hashlib.sha256).hexdigest()

    def __call__(self, environ, start_response):
        status, body, signature = self.handle(environ)
        told = None
        if "state" in body:
            with self.lock:
                if self.failures is not None:
                    told = min(self.failures, 1_000_000)
                    self.failures -= told
                    body = {**body, "failures": told}
        data = json.dumps(body).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        if signature:
            digest = hashlib.sha256(data).hexdigest()
            headers.append(("X-Mail-Canary-Signature", self.mac("v1", "answer", str(status), signature, digest)))
        start_response(f"{status} {REASONS[status]}", headers)
        return Answer(self, data, told)

    def handle(self, environ):
        """(status, body, the request's signature where it is valid)"""
        if environ["REQUEST_METHOD"] != "POST":
            return 405, {"error": "only POST"}, None
        length = environ.get("CONTENT_LENGTH") or "0"
        if not re.fullmatch(r"[0-9]{1,10}", length) or int(length) > self.most_body:
            return 413, {"error": f"a body has at most {self.most_body} bytes; larger canaries need most_body"}, None
        body = environ["wsgi.input"].read(int(length))
        timestamp = environ.get("HTTP_X_MAIL_CANARY_TIMESTAMP", "")
        signature = environ.get("HTTP_X_MAIL_CANARY_SIGNATURE", "")
        expected = self.mac("v1", "POST", self.path or target_of(environ), timestamp, hashlib.sha256(body).hexdigest())
        fresh = re.fullmatch(r"[0-9]{1,12}", timestamp) and abs(self.now() - int(timestamp)) <= MOST_SKEW
        if not fresh or not hmac.compare_digest(expected.encode(), signature.encode("latin-1", "replace")):
            return 401, {"error": "the signature or its timestamp is wrong: compare secret, path and clock"}, None
        try:
            mail = json.loads(body)
        except (ValueError, RecursionError):
            mail = None
        return (*self.answer_to(mail), signature)

    def answer_to(self, mail):
        wrong = fault_of(mail)
        if wrong:
            return 400, {"error": wrong}
        if mail["host"] != self.host:
            return 421, {"host": self.host}
        recipient = next((one for one in self.recipients if one.lower() == mail["to"].lower()), None)
        if recipient is None:
            return 403, {"error": "this recipient is not in the list of this endpoint"}
        if self.sender is not None and mail["from"] != self.sender:
            return 403, {"error": "this sender is not the one of this endpoint"}
        with self.lock:
            at = self.now()
            while self.answers:
                oldest = next(iter(self.answers))
                if at - self.answers[oldest]["at"] < REMEMBER_FOR and len(self.answers) < REMEMBER_MOST:
                    break
                del self.answers[oldest]
            known = self.answers.get(mail["id"])
            if known is None:
                # One a minute on average; one more at once, because canaries of two minutes may come a few seconds apart.
                most = self.per_minute + 1
                before, left = self.recent.get(recipient, (at, most))
                left = min(most, left + (at - before) / 60 * self.per_minute)
                if left < 1:
                    return 429, {"error": f"no more than {self.per_minute} a minute for one recipient"}
                self.recent[recipient] = (at, left - 1)
                known = self.answers[mail["id"]] = {"at": at, "lock": threading.Lock(), "answer": None}
        # Who asks a second time while the mail is being sent waits for the same answer.
        with known["lock"]:
            if known["answer"] is None:
                known["answer"] = self.send_mail(mail, recipient)
            return known["answer"]

    def send_mail(self, mail, recipient):
        try:
            said, server = self.send(message_of(mail, recipient), mail["from"], recipient) or (None, None)
        except Exception as error:  # The monitor must hear of it: an exception that nobody hears of is what it was installed against.
            return failure_of(error, getattr(self.send, "server", None))
        queue_id = re.search(r"queued as ([\w.-]+)", said or "", re.I)
        told = {"state": "sent", "response": said, "queueId": queue_id and queue_id[1], "server": server}
        return 200, {name: value for name, value in told.items() if value is not None}


class Answer:
    """The body of an answer; failures that could not be told are told next time."""

    def __init__(self, endpoint, data, told):
        self.endpoint, self.data, self.told, self.sent = endpoint, data, told, False

    def __iter__(self):
        yield self.data
        # The server asks for more only after it has written this.
        self.sent = True

    def close(self):
        if self.told and not self.sent:
            with self.endpoint.lock:
                self.endpoint.failures += self.told


def target_of(environ):
    """Path and query as in the request line; WSGI servers that keep it give it as REQUEST_URI or RAW_URI."""
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw:
        return raw
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path + ("?" + environ["QUERY_STRING"] if environ.get("QUERY_STRING") else "")


def message_of(mail, recipient):
    # A Message-ID that is longer than a line would be encoded, and then be another one.
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    message["From"], message["To"], message["Subject"] = mail["from"], recipient, mail["subject"]
    message["Message-ID"] = mail["messageId"]
    message["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    for name, value in mail["headers"].items():
        message[name] = value
    message.set_content(mail["text"], cte="7bit" if mail["text"].isascii() else None)
    if "attachment" in mail:
        data = base64.b64decode(mail["attachment"]["base64"])
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=mail["attachment"]["name"])
    return message


def fault_of(mail):
    """What is wrong with a request; a line break or an address list in a field would be a way to other headers and recipients."""
    if not isinstance(mail, dict):
        return "the body must be a JSON object"
    for name in ("host", "id", "from", "to", "subject", "messageId", "text"):
        if not isinstance(mail.get(name), str) or mail[name] == "":
            return f"{name} must be a text"
        if name != "text" and re.search(r"[\x00-\x1f\x7f\u0085\u2028\u2029]", mail[name]):
            return f"{name} must be one line"
    for name in ("from", "to"):
        if not re.fullmatch(r"[^\s,;:<>()\"@]+@[^\s,;:<>()\"@]+", mail[name]):
            return f"{name} must be one plain address"
    if not isinstance(mail.get("headers"), dict):
        return "headers must be an object"
    for name, value in mail["headers"].items():
        if name.lower() not in ALLOWED_HEADERS:
            return "only the headers X-Mail-Canary and Auto-Submitted are accepted"
        if not isinstance(value, str) or re.search(r"[\x00-\x1f\x7f]", value):
            return "every header must be one line"
    if "attachment" in mail:
        one = mail["attachment"] if isinstance(mail["attachment"], dict) else {}
        name, data = one.get("name"), one.get("base64")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            return "attachment.name must be a plain file name"
        if one.get("type") != "application/octet-stream":
            return "attachment.type must be application/octet-stream"
        if not isinstance(data, str) or len(data) % 4 or not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", data):
            return "attachment.base64 must be base64"
    return None


def mount(path, endpoint, application):
    """A WSGI application that serves the endpoint at a path, and your own everywhere else (Django, Flask, Bottle, ...)."""
    return lambda environ, start: (endpoint if environ.get("PATH_INFO") == path else application)(environ, start)
