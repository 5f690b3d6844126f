"""Work that goes on beside a scenario."""

import contextlib
import threading


@contextlib.contextmanager
def repeat(work, every):
    """Again and again meanwhile, from the start on, with so many seconds between."""
    done = threading.Event()

    def run():
        work()
        while not done.wait(every):
            work()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
