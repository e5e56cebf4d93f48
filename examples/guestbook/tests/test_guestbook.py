import tempfile
import threading
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from guestbook.entries import Entries
from guestbook.pages import Pages
from guestbook.server import GuestbookServer


class GuestbookTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.entries = Entries(str(Path(directory.name) / "guestbook.db"))
        self.addCleanup(self.entries.__exit__)
        self.server = GuestbookServer(("127.0.0.1", 0), self.entries, Pages("Test"))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def get(self, path, data=None):
        url = f"http://127.0.0.1:{self.server.server_port}{path}"
        with urllib.request.urlopen(url, data=data, timeout=5) as answer:
            return answer.read().decode()

    def test_an_entry_is_shown_escaped(self):
        page = self.get("/entries", data=b"name=Ann&text=%3Cb%3Ehello")
        self.assertIn("&lt;b&gt;hello", page)
        self.assertIn("Ann", self.get("/api/entries"))

    def test_an_empty_entry_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get("/entries", data=b"name=&text=")
        self.assertEqual(refused.exception.code, 400)
        refused.exception.close()

    def test_health_and_static_files(self):
        self.assertEqual(self.get("/healthz"), "ok\n")
        self.assertIn("body", self.get("/static/style.css"))


if __name__ == "__main__":
    unittest.main()
