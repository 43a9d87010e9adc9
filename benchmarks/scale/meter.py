"""Which step the process's CPU seconds and its memory belong to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Meter", "Took"]

_STATUS, _REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Took:
    """What a step took.

    Attributes
    ----------
    cpu
        Seconds, user and system, of all threads.
    nbytes
        Bytes written.
    peak, grown
        Largest resident set, in bytes, and by how much it was larger than where the step, or
        the stretch of it that held most, began. 0 off Linux.
    """

    cpu: float = 0.0
    nbytes: int = 0
    peak: int = 0
    grown: int = 0


@dataclass
class Meter:
    """One step is on at any time; what the process takes meanwhile is that step's.

    Attributes
    ----------
    steps
        By name; "other" is what no step has.
    """

    steps: dict[str, Took] = field(default_factory=dict)
    _now: str = "other"
    _since: float = field(default_factory=time.process_time)
    _before: int = field(default_factory=lambda: _resident()[1])

    def __getitem__(self, step: str) -> Took:
        return self.steps.setdefault(step, Took())

    def switch(self, step: str) -> str:
        """Put another step on; the one that was."""
        now = time.process_time()
        ending, (largest, resident) = self[self._now], _resident()
        ending.cpu += now - self._since
        ending.peak = max(ending.peak, largest)
        ending.grown = max(ending.grown, largest - self._before)
        before, self._now, self._since, self._before = self._now, step, now, resident
        _forget_largest()
        return before

    @contextmanager
    def at(self, step: str) -> Iterator[Took]:
        """Within this block the step is on, but where others are within it."""
        before = self.switch(step)
        try:
            yield self[step]
        finally:
            self.switch(before)


def _resident() -> tuple[int, int]:
    """Largest resident set since it was forgotten, and that of now, in bytes."""
    if not _STATUS.exists():
        return 0, 0
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    largest, now = (1024 * int(lines[name].split()[0]) for name in ("VmHWM", "VmRSS"))
    return largest, now


def _forget_largest() -> None:
    """Have the kernel begin anew with the largest resident set (man 5 proc, clear_refs)."""
    try:
        _REFERENCES.write_text("5")
    except OSError:
        return
