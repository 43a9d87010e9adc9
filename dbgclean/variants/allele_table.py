"""The table of alleles: every branch that was looked at, one row each, the rejected too."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dbgclean._columns import ALL, Columns

__all__ = [
    "CLASSES",
    "ERROR",
    "KINDS",
    "REPEAT",
    "UNDECIDED",
    "VARIANT",
    "ZYGOSITIES",
    "AlleleTable",
    "concatenate_alleles",
]

KINDS = ("snv", "mnv", "insertion", "deletion", "complex", "tip")
# What an allele is taken for.
CLASSES = ("variant", "error", "repeat", "undecided")
VARIANT, ERROR, REPEAT, UNDECIDED = range(4)
ZYGOSITIES = ("", "heterozygous", "homozygous", "low-frequency")


@dataclass(frozen=True, slots=True, eq=False)
class AlleleTable(Columns):
    """Alleles sorted by contig (in the order of the regions), position, ref and alt.

    Counts are of fragments: mates that overlap saw one molecule and count once, by the
    better of the two bases. NaN in a float column: not known.

    Attributes
    ----------
    contig
        int32 (n,): row of ``contigs``.
    position
        int64 (n,): 0-based place of ``ref``'s first base on the contig.
    ref, alt
        object (n,) of str: as in VCF, left-aligned and parsimonious, with the base before
        where one of the two would be empty. A tip has the bases that were read as ``alt``.
    kind
        uint8 (n,): index in ``KINDS``.
    alt_forward, alt_reverse, ref_forward, ref_reverse
        int64 (n,): fragments by the strand of the read that speaks for them.
    depth
        int64 (n,): fragments over the place, whatever they show.
    alt_reads
        int64 (n,): reads that show the allele, both mates counted.
    quality, best_quality
        float64 (n,): Phred of the alternative bases (of the worst base of several; of the
        bases on either side for a deletion): mean, and best.
    low_quality
        int64 (n,): fragments whose alternative base is below Q15.
    mapping_quality, ref_mapping_quality
        float64 (n,): mean over the reads that show the allele, and over those that show
        the reference.
    mapped_nowhere_else
        int64 (n,): supporting fragments with a mapping quality of 20 or more.
    clipped
        int64 (n,): supporting fragments whose base the aligner had clipped off.
    cycles
        int64 (n,): distinct places in the read (strand and cycle) among the support.
    ref_cycles
        float64 (n,): distinct places among as many fragments that show the reference.
    end_distance
        float64 (n,): mean distance in bases to the nearer end of the read.
    near_end
        int64 (n,): supporting fragments within 10 bases of a read's end.
    ref_near_end
        int64 (n,): the same of the fragments that show the reference.
    agreed, denied
        int64 (n,): fragments whose mate shows the same allele there, or another.
    others
        float64 (n,): other alleles that the supporting reads show, mean over them.
    copies
        int64 (n,): how often the reference's k-mer over the place stands in the region.
    run
        int64 (n,): length in bases of the homopolymer or tandem repeat (two copies or
        more) that the allele stands in or next to; 1 where there is none.
    depth_ratio
        float64 (n,): depth on the deeper side over the depth that most of the region has.
    depth_tells
        bool (n,): whether that depth counts copies: not of amplicons.
    crowd
        int64 (n,): other alleles within 250 bases that a tenth of the fragments show.
    expected
        float64 (n,): fragments that errors of this kind let expect here.
    likelihood
        float64 (n,): log likelihood ratio of "real at some fraction" to "error", nats.
    posterior
        float32 (n,): the corrector's P(real).
    verdict
        uint8 (n,): the corrector's verdict (`dbgclean.correct.verdicts`).
    genotype_likelihoods
        float64 (n, 3): log10 likelihood of 0/0, 0/1 and 1/1 from the fragments that show
        ``ref`` or ``alt``, greatest 0.
    klass
        uint8 (n,): index in ``CLASSES``.
    zygosity
        uint8 (n,): index in ``ZYGOSITIES``.
    genotype
        object (n,) of str: "0/1", "1|0", "1/1", "0/0" or "./.".
    phase_set
        int64 (n,): 1-based position of the first allele of the phased block; 0: unphased.
    quality_score
        float64 (n,): Phred-scaled probability that the allele is no variant.
    filters, reasons
        object (n,) of tuple of str: names for the VCF's FILTER, empty for PASS; why, in words.
    normal_alt, normal_depth
        int64 (n,): fragments of the matched normal; -1 without one.
    origin
        object (n,) of str: "", or with a normal "somatic", "germline", "error", "undecided".
    arms
        object (n,) of (str, str): the reference's and the allele's sequence with up to 30
        bases on either side, as pictures and k-mers want them.
    contigs
        list of str.
    """

    contig: np.ndarray
    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    kind: np.ndarray
    alt_forward: np.ndarray
    alt_reverse: np.ndarray
    ref_forward: np.ndarray
    ref_reverse: np.ndarray
    depth: np.ndarray
    alt_reads: np.ndarray
    quality: np.ndarray
    best_quality: np.ndarray
    low_quality: np.ndarray
    mapping_quality: np.ndarray
    ref_mapping_quality: np.ndarray
    mapped_nowhere_else: np.ndarray
    clipped: np.ndarray
    cycles: np.ndarray
    ref_cycles: np.ndarray
    end_distance: np.ndarray
    near_end: np.ndarray
    ref_near_end: np.ndarray
    agreed: np.ndarray
    denied: np.ndarray
    others: np.ndarray
    copies: np.ndarray
    run: np.ndarray
    depth_ratio: np.ndarray
    depth_tells: np.ndarray
    crowd: np.ndarray
    expected: np.ndarray
    likelihood: np.ndarray
    posterior: np.ndarray
    verdict: np.ndarray
    genotype_likelihoods: np.ndarray
    klass: np.ndarray
    zygosity: np.ndarray
    genotype: np.ndarray
    phase_set: np.ndarray
    quality_score: np.ndarray
    filters: np.ndarray
    reasons: np.ndarray
    normal_alt: np.ndarray
    normal_depth: np.ndarray
    origin: np.ndarray
    arms: np.ndarray
    contigs: list[str]

    def __len__(self) -> int:
        return len(self.position)

    def columns(self, rows: slice = ALL) -> dict[str, np.ndarray]:
        """What ``alleles.tsv.gz`` has, by its columns' names (`docs/inspect.md`)."""
        from dbgclean.variants.tables import named_columns

        return named_columns(self.select(rows))

    @property
    def alt_fragments(self) -> np.ndarray:
        """Supporting fragments, int64 (n,)."""
        return self.alt_forward + self.alt_reverse

    @property
    def ref_fragments(self) -> np.ndarray:
        """Fragments that show the reference, int64 (n,)."""
        return self.ref_forward + self.ref_reverse

    @property
    def fraction(self) -> np.ndarray:
        """Supporting fragments over ``depth``, float64 (n,)."""
        return self.alt_fragments / np.maximum(self.depth, 1)

    def select(self, rows: np.ndarray | slice) -> AlleleTable:
        """Some of the rows: bool (n,) or row numbers."""
        return AlleleTable(
            **{name: getattr(self, name)[rows] for name in _COLUMNS}, contigs=self.contigs
        )

    @classmethod
    def empty(cls, n: int, contigs: list[str]) -> AlleleTable:
        """``n`` rows of nothing known: zeros, NaN, empty texts, undecided."""
        columns: dict[str, np.ndarray] = {}
        for name in _COLUMNS:
            shape = (n, 3) if name == "genotype_likelihoods" else (n,)
            columns[name] = np.full(shape, _EMPTY.get(name, 0), _DTYPES.get(name, np.int64))
        for name in ("filters", "reasons"):
            columns[name][:] = [()] * n
        columns["arms"][:] = [("", "")] * n
        return cls(**columns, contigs=list(contigs))


_COLUMNS = tuple(f.name for f in fields(AlleleTable) if f.name != "contigs")
_FLOATS = (
    "quality", "best_quality", "mapping_quality", "ref_mapping_quality", "end_distance",
    "others", "depth_ratio", "ref_cycles", "expected", "likelihood", "genotype_likelihoods",
    "quality_score",
)  # fmt: skip
_TEXTS = ("ref", "alt", "genotype", "filters", "reasons", "origin", "arms")
_DTYPES: dict[str, type] = {
    **dict.fromkeys(_FLOATS, np.float64),
    **dict.fromkeys(_TEXTS, object),
    "contig": np.int32,
    "depth_tells": bool,
    "kind": np.uint8,
    "posterior": np.float32,
    "verdict": np.uint8,
    "klass": np.uint8,
    "zygosity": np.uint8,
}
_EMPTY: dict[str, float | str] = {
    **dict.fromkeys(_FLOATS, np.nan),
    **dict.fromkeys(_TEXTS, ""),
    "genotype": "./.",
    "klass": UNDECIDED,
    "normal_alt": -1,
    "normal_depth": -1,
    "run": 1,
    "copies": 1,
    "depth_tells": True,
}


def concatenate_alleles(parts: list[AlleleTable]) -> AlleleTable:
    """Tables over the same contigs as one, in their order.

    Raises
    ------
    ValueError
        Without parts, or if their contigs differ.
    """
    if not parts or any(part.contigs != parts[0].contigs for part in parts):
        msg = "tables to join must be one or more over the same contigs"
        raise ValueError(msg)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return AlleleTable(**columns, contigs=parts[0].contigs)
