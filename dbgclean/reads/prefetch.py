"""Work on a stream in the background: made ahead of need, or by several threads in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

__all__ = ["in_spans", "map_in_order", "prefetch"]

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def map_in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Generator[Result]:
    """Yield ``work(item)`` for every item, in their order, computed by several threads.

    One item more than there are threads is under way at most, so that as little of a
    stream is held. An error of ``work`` or of the items is raised in its turn.
    """
    with ThreadPoolExecutor(max(1, threads)) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                del item
                if len(under_way) > threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def in_spans(
    work: Callable[[np.int64, np.int64], Result], n: int, threads: int = 1
) -> list[Result]:
    """What ``work(start, stop)`` returns for spans that cover 0 to n, in their order."""
    bounds = np.linspace(0, n, (4 * threads if threads > 1 else 1) + 1).astype(np.int64)
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, bounds[:-1], bounds[1:]))
