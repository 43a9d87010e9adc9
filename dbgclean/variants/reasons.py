"""Why an allele is taken for what it is, in words that a person can check against the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dbgclean.correct import verdicts
from dbgclean.variants.allele_table import (
    ERROR,
    KINDS,
    REPEAT,
    VARIANT,
    ZYGOSITIES,
    AlleleTable,
)
from dbgclean.variants.genotype import genotype_quality
from dbgclean.variants.signs import Rules, Signs

__all__ = ["explain"]

_TIP = KINDS.index("tip")
_LOW_FREQUENCY = ZYGOSITIES.index("low-frequency")
_COLUMNS = (
    "kind", "alt_forward", "alt_reverse", "ref_forward", "ref_reverse", "depth", "quality",
    "low_quality", "mapping_quality", "ref_mapping_quality", "mapped_nowhere_else", "near_end",
    "denied", "others", "copies", "run", "depth_ratio", "crowd", "expected", "posterior", "klass",
    "zygosity", "genotype", "alt_fragments",
    "verdict", "likelihood",
)  # fmt: skip

# Columns as lists of plain numbers: taken out one by one, row after row.
_Lists = dict[str, list[Any]]


def explain(table: AlleleTable, signs: Signs, shown: np.ndarray, rules: Rules) -> np.ndarray:
    """Reasons of every allele: object (n,) of tuple of str, none of them empty.

    The first says what was seen; the others what speaks against the allele, or for it.

    Parameters
    ----------
    table
        With ``klass``, ``zygosity``, ``genotype``, ``genotype_likelihoods`` and ``phase_set``.
    signs
        See `dbgclean.variants.signs.find_signs`.
    shown
        int64 (n, 2, 2): see `dbgclean.variants.phase.copies_shown`.
    """
    lists: _Lists = {name: getattr(table, name).tolist() for name in _COLUMNS}
    lists |= {name: getattr(signs, name).tolist() for name in Signs.__dataclass_fields__}
    lists["genotype_quality"] = genotype_quality(table.genotype_likelihoods).tolist()
    lists["shown"] = shown[:, :, 1].tolist()
    lists["neighbours"] = _neighbours(table).tolist()
    result = np.empty(len(table), object)
    for row in range(len(table)):
        result[row] = tuple(_explain_row(lists, row, rules))
    return result


def _neighbours(table: AlleleTable) -> np.ndarray:
    """Other alleles of the same phased block, int64 (n,)."""
    _, block, size = np.unique(
        np.stack([table.contig, table.phase_set]), axis=1, return_inverse=True, return_counts=True
    )
    return np.where(table.phase_set > 0, size[block.reshape(-1)] - 1, 0)


def _explain_row(c: _Lists, i: int, rules: Rules) -> Iterator[str]:
    yield _seen(c, i)
    klass = c["klass"][i]
    if klass == VARIANT:
        yield from _why_variant(c, i, rules)
        return
    if c["kind"][i] == _TIP:
        yield "the reads leave the reference and do not come back"
    artefacts, repeats = list(_artefacts(c, i)), list(_repeats(c, i))
    yield from repeats + artefacts if klass == REPEAT else artefacts + repeats
    if c["alt_fragments"][i] < rules.min_fragments:
        yield f"fewer than {rules.min_fragments} fragments"
    if klass == ERROR and c["expected"][i] >= 0.5:
        yield f"errors of this kind let expect {c['expected'][i]:.1f} here"
    yield f"P(real) {_probability(c['posterior'][i])}"


def _seen(c: _Lists, i: int) -> str:
    """Fragments, strands and quality: "24 of 51 fragments, both strands (13/11), mean Q34"."""
    n, forward, reverse = c["alt_fragments"][i], c["alt_forward"][i], c["alt_reverse"][i]
    text = f"{n} of {c['depth'][i]} fragments"
    if forward and reverse:
        text += f", both strands ({forward}/{reverse})"
    elif n:
        text += f", {'all ' if n > 1 else ''}on the {'forward' if forward else 'reverse'} strand"
    if c["quality"][i] == c["quality"][i]:
        text += f", {'mean ' if n > 1 else ''}Q{c['quality'][i]:.0f}"
    return text


def _why_variant(c: _Lists, i: int, rules: Rules) -> Iterator[str]:
    if c["zygosity"][i] == _LOW_FREQUENCY:
        reference = c["ref_forward"][i] + c["ref_reverse"][i]
        if rules.ploidy == 1:
            yield "in a part of the molecules"
        else:
            yield "too few for one copy of two" if reference else "neither one copy nor both"
    else:
        yield f"genotype {c['genotype'][i]} (GQ {c['genotype_quality'][i]:.0f})"
    yield f"P(real) {_probability(c['posterior'][i])}"
    if c["verdict"][i] != verdicts.REAL and c["zygosity"][i] == _LOW_FREQUENCY:
        yield f"log likelihood ratio {c['likelihood'][i]:.0f}, beyond doubt"
    if c["neighbours"][i]:
        n = c["neighbours"][i]
        yield f"in phase with {n} neighbouring {'allele' if n == 1 else 'alleles'}"


def _artefacts(c: _Lists, i: int) -> Iterator[str]:
    n = c["alt_fragments"][i]
    if c["low_quality"][i] and (c["poor_bases"][i] or c["klass"][i] == ERROR):
        bases = "alternative base" if n == 1 else "alternative bases"
        yield f"{c['low_quality'][i]} of {n} {bases} below Q15"
    if c["one_strand"][i]:
        strand = "forward" if c["alt_forward"][i] > c["alt_reverse"][i] else "reverse"
        most = max(c["alt_forward"][i], c["alt_reverse"][i])
        share = "all" if most == n else f"{most} of {n}"
        reference = f"{c['ref_forward'][i]}/{c['ref_reverse'][i]}"
        yield f"{share} on the {strand} strand, the reference on both ({reference})"
    if c["one_place"][i]:
        yield "all at the same cycle"
    if c["read_ends"][i]:
        yield f"{c['near_end'][i]} of {n} within 10 bases of a read's end"
    if c["both_copies"][i]:
        first, second = c["shown"][i]
        yield f"on both copies of the genome ({first}/{second} fragments by their other alleles)"
    if c["mates_deny"][i]:
        yield f"the mates of {c['denied'][i]} show something else"
    if c["long_run"][i]:
        yield f"beside a repeat of {c['run'][i]} bases, where such gaps recur"


def _repeats(c: _Lists, i: int) -> Iterator[str]:
    n = c["alt_fragments"][i]
    if c["worse_mapping"][i]:
        yield (
            f"mapping quality {c['mapping_quality'][i]:.0f}, of the reads that show the "
            f"reference {c['ref_mapping_quality'][i]:.0f}"
        )
    elif c["poor_mapping"][i]:
        yield f"{c['mapped_nowhere_else'][i]} of {n} fragments map nowhere else"
    if c["several_copies"][i]:
        yield f"the k-mer here stands {c['copies'][i]} times in the region"
    if c["long_tandem"][i]:
        yield f"in a tandem repeat of {c['run'][i]} bases"
    if c["too_deep"][i]:
        yield f"depth {c['depth_ratio'][i]:.1f} times the region's"
    if c["crowded_and_deep"][i]:
        yield f"{c['crowd'][i]} other alleles within 250 bases"
    if c["many_others"][i]:
        yield f"the reads show {c['others'][i]:.1f} other alleles each"


def _probability(p: float) -> str:
    """Two digits, without claiming certainty."""
    if p > 0.99:
        return "above 0.99"
    return f"{p:.2f}" if p >= 0.01 else "below 0.01"
