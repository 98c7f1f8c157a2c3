"""A receiver of webhooks over TLS, at an address of the internet that only the rehearsal's network namespace has."""

import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "receivers"))

import contract

PORT = 8443
SECRET = "a secret of the rehearsal's receiver"


class Receiver:
    def __init__(self, address, folder):
        folder = Path(folder)
        self.url, self.authority = f"https://{address}:{PORT}/hook", folder / "authority.pem"
        # What was verified, as (event, body); and why others were refused.
        self.verified, self.refused = [], []
        server = ThreadingHTTPServer((address, PORT), handler_of(self))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "receiver.pem", folder / "receiver.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def heard(self, event, pin_id):
        """Whether the event of the pin has come. The ids are in the body as they are in the API."""
        return any(name == event and pin_id.encode() in body for name, body in self.verified)


def handler_of(receiver):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                event, _ = contract.verify(dict(self.headers.items()), body, [SECRET], time.time())
                receiver.verified.append((event, body))
                self.send_response(204)
            except contract.Refused as refused:
                receiver.refused.append(str(refused))
                self.send_response(401)
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler
