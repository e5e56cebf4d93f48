"""HTTP: which request gets which answer."""

import json
import logging
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from guestbook.entries import Entries, Rejected
from guestbook.pages import HOME, Pages

log = logging.getLogger("guestbook.http")

BODY_LIMIT = 16 * 1024
STATIC = {"/static/style.css": ("static/style.css", "text/css; charset=utf-8")}
HTML = "text/html; charset=utf-8"


class GuestbookServer(ThreadingHTTPServer):
    # Closing the server then waits for its threads instead of dropping their requests.
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], entries: Entries, pages: Pages):
        super().__init__(address, Handler)
        self.entries = entries
        self.pages = pages


class Handler(BaseHTTPRequestHandler):
    server: GuestbookServer
    timeout = 10

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._answer(HTTPStatus.OK, HTML, self.server.pages.guestbook(self.server.entries.newest()))
        elif path == "/api/entries":
            entries = [asdict(entry) for entry in self.server.entries.newest()]
            self._answer(HTTPStatus.OK, "application/json", json.dumps(entries))
        elif path == "/healthz":
            self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", "ok\n")
        elif path in STATIC:
            file, kind = STATIC[path]
            self._answer(HTTPStatus.OK, kind, (HOME / file).read_text(encoding="utf-8"))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if urlsplit(self.path).path != "/entries":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        form = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"))
        try:
            entry = self.server.entries.add(form.get("name", [""])[0], form.get("text", [""])[0])
        except Rejected as problem:
            page = self.server.pages.guestbook(self.server.entries.newest(), problem=str(problem))
            self._answer(HTTPStatus.BAD_REQUEST, HTML, page)
            return
        log.info("entry by %r", entry.name)
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments) -> None:
        # The probe asks every second; nobody wants to read that.
        if self.path != "/healthz":
            log.info("%s " + format, self.client_address[0], *arguments)
