"""Run one command and write down what it took: wall clock, CPU seconds, peak memory.

    python -I -S launch.py RESULT.json STDOUT STDERR COMMAND [WORD ...]

A program by itself, and a small one. Linux counts into a child's ``ru_maxrss`` the pages that
its parent held when it was forked: a tool of 40 MB, started by a process that holds numpy and
the reads, would appear to need what that process needs. Started from here it carries 10 MB.

CPU seconds and peak are those of ``wait4``: of the command and of every process that it waited
for. That peak is of the largest process alone, so where there are several at once their resident
sets are also added up, four times a second, and the larger of the two figures counts.
"""

import json
import os
import signal
import sys
import threading
import time

INTERVAL = 0.25
"""Seconds between two looks at the processes."""


def group_memory(group: int) -> tuple[int, int]:
    """Processes of a process group, and the sum of their resident sets in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    processes = total = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:
                # The name in parentheses may hold anything, blanks included.
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            processes += 1
            total += int(fields[21]) * page
    return processes, total


class Watch(threading.Thread):
    """Looks at a process group until told to stop."""

    def __init__(self, group: int) -> None:
        super().__init__(daemon=True)
        self.group = group
        self.ended = threading.Event()
        self.processes = 1
        self.peak = 0

    def run(self) -> None:
        """Keep the largest sum, of moments with more than one process."""
        while not self.ended.wait(INTERVAL):
            processes, total = group_memory(self.group)
            self.processes = max(self.processes, processes)
            if processes > 1:
                self.peak = max(self.peak, total)


def start(command: list[str], out: str, err: str) -> int:
    """Start a command in a process group of its own; its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    os._exit(127)


def main(argv: list[str]) -> int:
    """Run, wait, write the result; 0 whatever became of the command."""
    result, out, err, *command = argv
    begun = time.perf_counter()
    pid = start(command, out, err)

    def forward(number: int, _: object) -> None:
        os.killpg(pid, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)
    watch = Watch(pid)
    if os.path.isdir("/proc/self"):
        watch.start()
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    watch.ended.set()
    unit = 1 if sys.platform == "darwin" else 1024
    took = {
        "code": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "user": usage.ru_utime,
        "system": usage.ru_stime,
        "peak": max(usage.ru_maxrss * unit, watch.peak),
        "processes": watch.processes,
    }
    with open(result, "w", encoding="utf-8") as file:
        json.dump(took, file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
