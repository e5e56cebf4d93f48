"""Pages out of templates. Everything a visitor wrote is escaped here, in one place."""

import string
from html import escape
from pathlib import Path

from guestbook.entries import Entry

HOME = Path(__file__).resolve().parent.parent

# Change this line and run `seactl env sync` again.
GREETING = "Leave a line for those who come after you."


class Pages:
    def __init__(self, title: str, home: Path = HOME):
        self._title = title
        self._page = string.Template((home / "templates" / "page.html").read_text(encoding="utf-8"))
        self._entry = string.Template((home / "templates" / "entry.html").read_text(encoding="utf-8"))

    def guestbook(self, entries: list[Entry], problem: str = "") -> str:
        listed = "".join(
            self._entry.substitute(name=escape(entry.name), text=escape(entry.text), written=escape(entry.written))
            for entry in entries
        )
        return self._page.substitute(
            title=escape(self._title),
            greeting=escape(GREETING),
            problem=f'<p class="problem">{escape(problem)}</p>' if problem else "",
            entries=listed or "<li>Nobody has written yet.</li>",
        )
