"""The reads go by once more: what is over the sites that matter, and planted alleles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dbgclean.evidence.alternatives import Alternatives
from dbgclean.evidence.edits import Edits
from dbgclean.evidence.explanations import Explained, candidates, explain
from dbgclean.evidence.gap_alternatives import Gaps
from dbgclean.evidence.planting import Drawn, Planter, Planting
from dbgclean.evidence.sample import SampleContext
from dbgclean.evidence.sites import NO_SITE, Found, Sites
from dbgclean.reads.tasks import Each, Over

if TYPE_CHECKING:
    from dbgclean.reads import ReadBatch

__all__ = ["Comparing", "second_look"]


@dataclass(frozen=True, eq=False)
class Comparing(Each):
    """What a batch shows over the sites, and its reads with planted alleles in them."""

    sites: Sites
    planting: Planting | None

    def __call__(self, first: int, batch: ReadBatch) -> tuple[Found, Drawn | None]:
        drawn = None if self.planting is None else self.planting(first, batch)
        return self.sites.look(batch, first), drawn


def second_look(
    alternatives: Alternatives,
    edits: Edits,
    over: Over,
    context: SampleContext,
    mean_length: float,
    paired: bool,
    threads: int = 1,
    planter: Planter | None = None,
    gaps: Gaps | None = None,
) -> tuple[Alternatives, Explained | None]:
    """See `dbgclean.evidence.explanations.explain`; nothing is read where nothing is in doubt.

    Parameters
    ----------
    over
        Applies a task to the reads that ``edits`` are of, once more.
    planter
        Plants alleles in them meanwhile.
    gaps
        Of the alternatives that are no substitutions.
    """
    rows = candidates(alternatives, context.prior)
    keys, depth = alternatives.key[rows], alternatives.depth[rows].sum(1)
    if gaps is not None:
        first = alternatives.gaps.start
        site = gaps.site[rows[rows >= first] - first]
        keys[rows >= first] = np.where(site > 0, site, NO_SITE)
    if planter is not None:
        keys, depth = np.append(keys, planter.keys), np.append(depth, planter.depth)
    if not len(keys):
        return alternatives, None
    sites = Sites(keys, depth)
    found, drawn = list[Found](), list[Drawn]()
    task = Comparing(sites, None if planter is None else planter.planting)
    for seen, planted in over("compare", task):
        found.append(seen)
        if planted is not None:
            drawn.append(planted)
    reads = sites.collect(found)
    alternatives, explained = explain(
        alternatives,
        edits,
        rows,
        sites.part(slice(len(rows))),
        reads,
        genome_size=context.genome_size,
        read_length=mean_length,
        paired=paired,
        gap_errors=None if gaps is None else gaps.error,
        threads=threads,
    )
    if planter is not None:
        own = sites.part(slice(len(rows), None))
        planter.finish(drawn, own, reads, alternatives, explained, threads)
    return alternatives, explained
