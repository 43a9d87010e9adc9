"""Run an iterator in a background thread, so that parsing overlaps with the work on it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

__all__ = ["prefetch"]

Item = TypeVar("Item")

_DONE = object()
_POLL_SECONDS = 0.1


def prefetch(produce: Callable[[], Iterator[Item]], *, depth: int = 2) -> Generator[Item]:
    """Yield the items of ``produce()`` in order, made up to `depth` ahead in a thread.

    Whatever is raised while producing is raised here, after the items made before
    it. Closing the generator early ends the thread and closes the iterator.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(message: tuple[object, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(message, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            items = produce()
            for item in items:
                if not put((item, None)):
                    break
            close = getattr(items, "close", None)
            if close is not None:
                close()
        except BaseException as raised:  # handed over: the consumer raises it
            error = raised
        put((_DONE, error))

    thread = threading.Thread(target=work, name="dbgclean-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _DONE:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
