"""Reads the settings, serves until SIGTERM, then lets the requests that are under way finish."""

import logging
import signal
import threading

from guestbook.entries import Entries
from guestbook.pages import Pages
from guestbook.server import GuestbookServer
from guestbook.settings import Settings

log = logging.getLogger("guestbook")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment()
    with Entries(settings.database) as entries:
        server = GuestbookServer(settings.address, entries, Pages(settings.title))
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        threading.Thread(target=server.serve_forever, args=(0.1,), name="server", daemon=True).start()
        log.info("listening on port %d", server.server_port)
        stop.wait()
        log.info("stopping")
        server.shutdown()
        # Waits for the requests that are under way.
        server.server_close()
    log.info("stopped")


if __name__ == "__main__":
    main()
