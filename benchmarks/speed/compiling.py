"""What the first run after an install compiles, kernel by kernel.

    python -m benchmarks.speed.compiling -o compiling.json

`correct` and `run` on the example, each in a process of its own that compiles everything by itself
into an empty cache. Seconds are CPU time of the compiling thread; what a kernel takes leaves
out the helpers that are compiled on its behalf, and numba's own functions have the kernel they
are for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from numba.core import event

from benchmarks.harness.command import Parser, record, save

__all__ = ["Listened", "main"]

VERBS = {
    "correct": "correct {1} {2} -o 1.fastq 2.fastq",
    "run": "run --example -o run",
}
ROOT = Path(__file__).parents[2]
_SHOWN = 20


class Listened(event.Listener):
    """Adds up what numba says it compiles; for one thread at a time, as numba compiles.

    Attributes
    ----------
    kernels
        By name: how often it was compiled, and its own seconds.
    """

    def __init__(self) -> None:
        self.kernels: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
        self._within: list[list[Any]] = []

    def on_start(self, event: Any) -> None:
        """Of numba's listeners."""
        function = event.data["dispatcher"].py_func
        name = f"{function.__module__}.{function.__name__}"
        if not name.startswith("dbgclean.") and self._within:
            name = self._within[-1][0]
        self._within.append([name, time.thread_time(), 0.0])

    def on_end(self, event: Any) -> None:
        """Of numba's listeners."""
        name, begun, inner = self._within.pop()
        took = time.thread_time() - begun
        if self._within:
            self._within[-1][2] += took
        row = self.kernels[name.removeprefix("dbgclean.")]
        row[0] += 1
        row[1] += took - inner


def _compiled(words: list[str]) -> dict[str, Any]:
    """In a process of its own: run the command line, nothing compiled by a second process."""
    from dbgclean.__main__ import main as dbgclean
    from dbgclean.pipeline import runs

    runs.start_compiling = lambda **_: None
    listened = Listened()
    event.register("numba:compile", listened)
    begun = time.process_time()
    try:
        dbgclean(words)
    except SystemExit as ended:
        if ended.code:
            raise
    kernels = {
        name: {"compiled": int(times), "seconds": round(seconds, 3)}
        for name, (times, seconds) in sorted(listened.kernels.items(), key=lambda item: -item[1][1])
    }
    total = sum(row["seconds"] for row in kernels.values())
    return {
        "cpu_seconds": round(time.process_time() - begun, 2),
        "compiling": round(total, 2),
        "compiled": sum(row["compiled"] for row in kernels.values()),
        "kernels": kernels,
    }


def _measure(verb: str) -> dict[str, Any]:
    """Figures of one verb, from a process with an empty cache."""
    examples = [str(ROOT / f"dbgclean/example/example_R{mate}.fastq.gz") for mate in (1, 2)]
    words = [word.format("", *examples) for word in VERBS[verb].split()]
    with tempfile.TemporaryDirectory() as folder:
        call = f"print(json.dumps(c({[*words, '-q', '-t', '1']!r})))"
        code = f"import json; from benchmarks.speed.compiling import _compiled as c; {call}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": folder}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(argv: list[str] | None = None) -> int:
    """Measure the verbs asked for, and show the kernels that take longest."""
    parser = Parser("speed.compiling", __doc__, output=None)
    parser.several("--verbs", VERBS)
    args = parser.parse_args(argv)
    results = record(args, verbs={verb: _measure(verb) for verb in args.verbs})
    for verb, found in results["verbs"].items():
        print(f"{verb}: {found['compiling']} s in {found['compiled']} compilations")
        for name, row in list(found["kernels"].items())[:_SHOWN]:
            print(f"  {row['seconds']:6.2f} s {row['compiled']:3d}  {name}")
    save(args.output, results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
