"""Steps on a cluster, event by event: slow nodes, lost nodes, and a disk that all share.

Stages follow each other: every step of one is done before the next begins, as each of them reads
what all of the one before wrote. A step goes to an idle core, the longest first and to the fastest
node, reads, computes and writes. What is read and written goes over one disk, whose bandwidth
all who use it have in equal parts. Where a node is lost, what ran on it begins again elsewhere;
what was finished is on the disk and stays. Draws come from the seed alone.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Cluster", "Outcome", "Stage", "Step", "simulate"]


@dataclass(frozen=True)
class Step:
    """One unit of work.

    Attributes
    ----------
    work
        Core-seconds.
    read, written
        Bytes.
    by_spans
        Share of the work that the idle cores of its node can do together.
    """

    work: float
    read: float = 0.0
    written: float = 0.0
    by_spans: float = 0.0


@dataclass(frozen=True)
class Stage:
    """Steps that need nothing of each other; ``per_node`` bytes are read once by each node."""

    name: str
    steps: tuple[Step, ...]
    per_node: float = 0.0

    @property
    def work(self) -> float:
        """Core-seconds of all steps."""
        return math.fsum(step.work for step in self.steps)


@dataclass(frozen=True)
class Cluster:
    """The machines.

    Attributes
    ----------
    cores, cores_per_node
        In all, and of a node at most.
    disk, link
        Bytes a second, of all together and of one step.
    slow_share, slow_speed
        Of the nodes, rounded down, and how fast these are.
    lost_every
        Seconds after which a node is lost, on average.
    away
        Seconds until it is there again, with nothing in memory.
    seed
    """

    cores: int
    cores_per_node: int = 16
    disk: float = math.inf
    link: float = math.inf
    slow_share: float = 0.0
    slow_speed: float = 0.5
    lost_every: float = math.inf
    away: float = 300.0
    seed: int = 1

    @property
    def nodes(self) -> list[int]:
        """Cores of each node."""
        full, rest = divmod(self.cores, self.cores_per_node)
        return [self.cores_per_node] * full + [rest] * (rest > 0)


@dataclass
class Outcome:
    """What came of it.

    Attributes
    ----------
    walls
        Seconds of each stage, by name.
    work
        Core-seconds of the steps, each once.
    finished
        Steps by stage: every one of them once.
    lost
        Steps that were begun and lost with their nodes.
    lost_seconds
        Core-seconds that these had taken.
    cores
    """

    cores: int
    walls: dict[str, float] = field(default_factory=dict)
    work: float = 0.0
    finished: dict[str, list[int]] = field(default_factory=dict)
    lost: int = 0
    lost_seconds: float = 0.0

    @property
    def wall(self) -> float:
        """Seconds in all."""
        return math.fsum(self.walls.values())

    @property
    def efficiency(self) -> float:
        """Work over what the cores could have done meanwhile."""
        return self.work / (self.cores * self.wall) if self.wall else 1.0


@dataclass
class _Running:
    """A step on its cores; ``phase`` counts what it still has to do."""

    number: int
    step: Step
    node: int
    cores: int
    begun: float
    bytes_in: float
    phase: int = 0
    gone: bool = False


class _Disk:
    """Transfers in equal parts of one bandwidth: each has moved the same since it was begun.

    ``moved`` counts the bytes that a transfer present all the time would have moved, so that one
    is finished when that has grown by its own bytes.
    """

    def __init__(self, bandwidth: float, link: float) -> None:
        self._bandwidth, self._link = bandwidth, link
        self._ends: list[tuple[float, int, _Running]] = []
        self._moved, self._at, self._users, self._order = 0.0, 0.0, 0, 0

    def _rate(self) -> float:
        return min(self._link, self._bandwidth / max(1, self._users))

    def advance(self, now: float) -> None:
        if self._users and now > self._at and math.isfinite(self._rate()):
            self._moved += (now - self._at) * self._rate()
        self._at = now

    def add(self, running: _Running, nbytes: float) -> None:
        """From the time to which the disk has advanced."""
        self._users += 1
        self._order += 1
        nbytes = nbytes if math.isfinite(self._rate()) else 0.0
        heapq.heappush(self._ends, (self._moved + nbytes, self._order, running))

    def drop(self) -> None:
        """One of those present is gone; it is skipped when its turn comes."""
        self._users -= 1

    def next(self) -> float:
        """When the first is finished."""
        while self._ends and self._ends[0][2].gone:
            heapq.heappop(self._ends)
        if not self._ends:
            return math.inf
        left = max(0.0, self._ends[0][0] - self._moved)
        return self._at + (left / self._rate() if left else 0.0)

    def pop(self) -> _Running:
        end, _, running = heapq.heappop(self._ends)
        self._moved = max(self._moved, end)
        self._users -= 1
        return running


class _Machines:
    """State of the nodes, and the time."""

    def __init__(self, cluster: Cluster) -> None:
        self.now = 0.0
        self.cluster = cluster
        self.idle = list(cluster.nodes)
        n = len(self.idle)
        slow = int(cluster.slow_share * n)
        self.speed = [1.0] * (n - slow) + [cluster.slow_speed] * slow
        self._draws = [np.random.default_rng([cluster.seed, node]) for node in range(n)]
        self.events: list[tuple[float, int, str, int]] = []  # time, order, what, node
        self._order = 0
        for node in range(n):
            self.plan_loss(node)

    def plan_loss(self, node: int) -> None:
        if math.isfinite(self.cluster.lost_every):
            after = float(self._draws[node].exponential(self.cluster.lost_every))
            self.plan(self.now + after, "lost", node)

    def plan(self, time: float, what: str, node: int) -> None:
        self._order += 1
        heapq.heappush(self.events, (time, self._order, what, node))

    def choose(self) -> int | None:
        """The fastest node with an idle core; of these that with the most."""
        chosen, best = None, (0.0, 0)
        for node, idle in enumerate(self.idle):
            if idle and (self.speed[node], idle) > best:
                chosen, best = node, (self.speed[node], idle)
        return chosen


class _StageRun:
    """One stage on the machines, from its beginning to its end."""

    def __init__(self, stage: Stage, machines: _Machines, outcome: Outcome) -> None:
        self.stage, self.machines, self.outcome = stage, machines, outcome
        self.disk = _Disk(machines.cluster.disk, machines.cluster.link)
        self.disk.advance(machines.now)
        # Longest first; what was lost goes before all others.
        order = sorted(range(len(stage.steps)), key=lambda at: (-stage.steps[at].work, at))
        self.waiting = order[::-1]
        self.holding: set[int] = set()  # nodes that have read what each reads once
        self.running: dict[int, _Running] = {}
        self.computing: list[tuple[float, int, _Running]] = []
        self.finished: list[int] = []
        self._order = 0

    def run(self) -> None:
        """Until every step is done; the machines' time is then its end."""
        machines = self.machines
        while len(self.finished) < len(self.stage.steps):
            self._start()
            while self.computing and self.computing[0][2].gone:
                heapq.heappop(self.computing)
            computed = self.computing[0][0] if self.computing else math.inf
            moved, event = self.disk.next(), machines.events[0][0] if machines.events else math.inf
            machines.now = min(computed, moved, event)
            self.disk.advance(machines.now)
            if event <= min(computed, moved):
                self._event()
            elif computed <= moved:
                self._go_on(heapq.heappop(self.computing)[2])
            else:
                self._go_on(self.disk.pop())

    def _start(self) -> None:
        """Give waiting steps to idle cores."""
        machines = self.machines
        while self.waiting and (node := machines.choose()) is not None:
            number = self.waiting.pop()
            step = self.stage.steps[number]
            cores = machines.idle[node] if step.by_spans else 1
            machines.idle[node] -= cores
            once = 0.0 if node in self.holding else self.stage.per_node
            self.holding.add(node)
            running = _Running(number, step, node, cores, machines.now, step.read + once)
            self.running[number] = running
            self.disk.add(running, running.bytes_in)

    def _go_on(self, running: _Running) -> None:
        """Read, then compute, then write, then be done."""
        running.phase += 1
        step, machines = running.step, self.machines
        if running.phase == 1:
            seconds = step.work * (1 - step.by_spans + step.by_spans / running.cores)
            self._order += 1
            end = machines.now + seconds / machines.speed[running.node]
            heapq.heappush(self.computing, (end, self._order, running))
        elif running.phase == 2:
            self.disk.add(running, step.written)
        else:
            machines.idle[running.node] += running.cores
            del self.running[running.number]
            self.finished.append(running.number)

    def _event(self) -> None:
        """A node is lost, or is there again."""
        machines = self.machines
        _, _, what, node = heapq.heappop(machines.events)
        if what == "back":
            machines.idle[node] = machines.cluster.nodes[node]
            machines.plan_loss(node)
            return
        for number in [n for n, running in self.running.items() if running.node == node]:
            running = self.running.pop(number)
            running.gone = True
            if running.phase != 1:
                self.disk.drop()
            self.waiting.append(number)
            self.outcome.lost += 1
            self.outcome.lost_seconds += running.cores * (machines.now - running.begun)
        machines.idle[node] = 0
        self.holding.discard(node)
        machines.plan(machines.now + machines.cluster.away, "back", node)


def simulate(stages: Sequence[Stage], cluster: Cluster) -> Outcome:
    """Run the stages one after another.

    Raises
    ------
    ValueError
        If two stages have one name.
    """
    if len({stage.name for stage in stages}) < len(stages):
        msg = "stages of the same name"
        raise ValueError(msg)
    machines, outcome = _Machines(cluster), Outcome(cluster.cores)
    for stage in stages:
        begun, run = machines.now, _StageRun(stage, machines, outcome)
        run.run()
        outcome.walls[stage.name] = machines.now - begun
        outcome.finished[stage.name] = run.finished
        outcome.work += stage.work
    return outcome
