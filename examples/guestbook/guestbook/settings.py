"""Settings, all from environment variables."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    title: str
    address: tuple[str, int]
    database: str

    @classmethod
    def from_environment(cls, variables=os.environ) -> "Settings":
        port = variables.get("PORT", "8080")
        if not port.isdigit():
            raise SystemExit(f"PORT is '{port}', which is no number")
        return cls(
            title=variables.get("GUESTBOOK_TITLE", "Guestbook"),
            address=("", int(port)),
            database=variables.get("GUESTBOOK_DATABASE", "/tmp/guestbook.db"),
        )
