"""A web host with nothing but the Mail Canary endpoint, to try it out:

MAIL_CANARY_HOST=web-03 MAIL_CANARY_SECRET=... MAIL_CANARY_RECIPIENTS=canary@mailbox-elsewhere.example \\
SMTP_HOST=mail-gw.example.com python3 examples/web-host/python/server.py
"""
import os
import socket
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from mail_canary import MailCanary, mount, smtp_sender

env = os.environ
source = (env["SMTP_SOURCE"], 0) if "SMTP_SOURCE" in env else None
endpoint = MailCanary(
    host=env.get("MAIL_CANARY_HOST") or socket.gethostname(),
    secret=env.get("MAIL_CANARY_SECRET", ""),
    recipients=[one for one in env.get("MAIL_CANARY_RECIPIENTS", "").split(",") if one],
    send=smtp_sender(env.get("SMTP_HOST", "localhost"), int(env.get("SMTP_PORT", "25")), source_address=source),
    per_minute=float(env.get("MAIL_CANARY_PER_MINUTE", "1")),
    most_body=int(env.get("MAIL_CANARY_MOST_BODY", 16 * 1024)),
)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def not_found(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


application = mount("/mail-canary", endpoint, not_found)
server = make_server(env.get("HOST", "0.0.0.0"), int(env.get("PORT", "8080")), application, Server)
print(f"listening on port {server.server_port}", flush=True)
server.serve_forever()
