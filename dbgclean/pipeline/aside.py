"""Work that others do not wait for: done beside them, where a run may use more threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

__all__ = ["Aside"]

P = ParamSpec("P")
T = TypeVar("T")


class Aside:
    """Context manager: does one thing after the other, beside the thread that asks for it.

    With one thread everything is done at once, where it is asked for. Leaving waits
    for all of it and raises the first error; on an error of the caller's, what has not
    begun is dropped.

    Parameters
    ----------
    threads : int
        Of the run.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(1) if threads > 1 else None
        self._asked: list[Future] = []

    def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``work(*args, **kwargs)`` done; the result will be in what is returned."""
        if self._pool is not None:
            future = self._pool.submit(work, *args, **kwargs)
            self._asked.append(future)
            return future
        done: Future[T] = Future()
        done.set_result(work(*args, **kwargs))
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=True, cancel_futures=exc is not None)
        if exc is None:
            for future in self._asked:
                future.result()
