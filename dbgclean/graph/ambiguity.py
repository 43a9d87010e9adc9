"""What keeps a graph from being read off as one sequence, in ten numbers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dbgclean._columns import ALL, Columns
from dbgclean.graph.topology import (
    bubble_arms,
    components,
    eulerian_deficit,
    first_arms,
    junctions,
    superbubble_table,
    tip_nodes,
)
from dbgclean.graph.unitigs import UnitigGraph

__all__ = ["AmbiguityReport", "ambiguity", "n50"]


@dataclass(frozen=True)
class AmbiguityReport(Columns):
    """Size and ambiguity of a graph; structures are counted once per strand pair.

    Attributes
    ----------
    kmers : int or None
        Distinct k-mers; None for a foreign graph whose k is not known.
    unitigs : int
        Unitigs, or segments of a foreign graph.
    total_bases : int
        Bases of all unitigs, overlaps counted in each.
    n50 : int
        Half of `total_bases` lies in unitigs of this length or longer.
    junctions : int
        Oriented unitigs with out-degree above 1.
    tips : int
        Dead ends shorter than 2k.
    simple_bubbles : int
        Two or more parallel unitigs with the same two ends.
    superbubbles : int
        Superbubbles that are more than parallel unitigs.
    components : int
        Connected components.
    eulerian_deficit : int
        See `dbgclean.graph.topology.eulerian_deficit`.
    """

    kmers: int | None
    unitigs: int
    total_bases: int
    n50: int
    junctions: int
    tips: int
    simple_bubbles: int
    superbubbles: int
    components: int
    eulerian_deficit: int

    def to_dict(self) -> dict[str, int | None]:
        """The ten numbers by name, in the order of the report."""
        return asdict(self)

    def __sub__(self, other: "AmbiguityReport") -> "AmbiguityReport":
        """What has more of each, and how much; k-mers are None where one of the two has none."""
        pairs = zip(self.to_dict().items(), other.to_dict().values(), strict=True)
        numbers: dict[str, Any] = {
            name: None if mine is None or theirs is None else mine - theirs
            for (name, mine), theirs in pairs
        }
        return AmbiguityReport(**numbers)

    def columns(self, rows: slice = ALL) -> dict[str, Any]:
        """``what`` is counted, and the ``number``."""
        numbers = self.to_dict()
        return {"what": list(numbers)[rows], "number": list(numbers.values())[rows]}

    def __len__(self) -> int:
        return len(self.to_dict())


def n50(lengths: np.ndarray) -> int:
    """Length such that sequences this long or longer hold half of all bases; 0 if none.

    Examples
    --------
    >>> n50(np.array([2, 3, 4, 5]))
    4
    """
    if not lengths.size:
        return 0
    falling = np.sort(lengths)[::-1]
    held = np.cumsum(falling)
    return int(falling[np.searchsorted(2 * held, held[-1])])


def ambiguity(graph: UnitigGraph) -> AmbiguityReport:
    """Measure a graph.

    Examples
    --------
    >>> from dbgclean.graph.compaction import compact
    >>> from dbgclean.spectrum.kmers import strings_to_kmers
    >>> keys = strings_to_kmers(["AAC", "ACC", "ACG"])
    >>> report = ambiguity(compact(keys, np.ones(3, np.uint32), 3))
    >>> report.unitigs, report.junctions, report.tips
    (3, 1, 2)
    """
    table = superbubble_table(graph)
    return AmbiguityReport(
        kmers=int(graph.kmers.sum()) if graph.k else None,
        unitigs=len(graph),
        total_bases=int(graph.lengths.sum()),
        n50=n50(graph.lengths),
        junctions=int(junctions(graph).size),
        tips=int(tip_nodes(graph).size),
        simple_bubbles=int(first_arms(bubble_arms(graph)[0]).size),
        superbubbles=int(np.count_nonzero(table[:, 3] == 0)),
        components=int(np.unique(components(graph)).size),
        eulerian_deficit=eulerian_deficit(graph),
    )
