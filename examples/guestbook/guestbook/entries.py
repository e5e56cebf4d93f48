"""The entries of the guestbook, in a SQLite file."""

import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime, timezone

NAME_LIMIT = 40
TEXT_LIMIT = 280


@dataclass(frozen=True)
class Entry:
    name: str
    text: str
    written: str


class Rejected(ValueError):
    """What a visitor wrote cannot be taken; the message is for the visitor."""


class Entries:
    def __init__(self, path: str):
        # The server answers in several threads; the lock keeps them apart.
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._lock = threading.Lock()
        with self._lock, self._connection:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, name TEXT, text TEXT, written TEXT)"
            )

    def __enter__(self) -> "Entries":
        return self

    def __exit__(self, *_) -> None:
        with self._lock:
            self._connection.close()

    def add(self, name: str, text: str) -> Entry:
        name, text = name.strip(), text.strip()
        if not name or not text:
            raise Rejected("Please write a name and a line.")
        if len(name) > NAME_LIMIT or len(text) > TEXT_LIMIT:
            raise Rejected(f"A name has at most {NAME_LIMIT} characters, a line {TEXT_LIMIT}.")
        entry = Entry(name, text, datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M"))
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT INTO entries (name, text, written) VALUES (?, ?, ?)", (entry.name, entry.text, entry.written)
            )
        return entry

    def newest(self, limit: int = 50) -> list[Entry]:
        with self._lock:
            rows = self._connection.execute(
                "SELECT name, text, written FROM entries ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [Entry(*row) for row in rows]
