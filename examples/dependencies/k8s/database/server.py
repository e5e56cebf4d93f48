"""A key-value store on one volume, small enough to read: PUT and GET of /key, with the password as a header."""
import http.server
import os
import pathlib
import signal
import sys

root = pathlib.Path("/data")


class Store(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self):
        if self.headers.get("X-Password") != os.environ["PASSWORD"]:
            return None
        name = self.path.lstrip("/")
        return root / name if name.isalnum() else None

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, b"ready\n")
        file = self.file()
        if file is None:
            return self.answer(403)
        self.answer(200, file.read_bytes()) if file.exists() else self.answer(404)

    def do_PUT(self):
        file = self.file()
        if file is None:
            return self.answer(403)
        file.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(204)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 8000), Store).serve_forever()
