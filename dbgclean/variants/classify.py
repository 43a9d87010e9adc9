"""Classes: variant, error, repeat or undecided; genotypes, phase, filters and reasons.

Whether an allele is real is the corrector's verdict. Two things are added to it here. At
the fractions that one copy or both of a genome give, the likelihoods of the genotypes say
so too, and more clearly than anything can of a few fragments. And an allele can be real
and yet no variant of this place: reads of another copy of a repeat are no errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dbgclean.correct import verdicts
from dbgclean.correct.policy import below_fraction
from dbgclean.variants.allele_table import (
    ERROR,
    KINDS,
    REPEAT,
    UNDECIDED,
    VARIANT,
    ZYGOSITIES,
    AlleleTable,
)
from dbgclean.variants.genotype import (
    HETEROZYGOUS,
    HOMOZYGOUS,
    REFERENCE,
    best_genotype,
    fits_one_copy,
    fragment_error,
    genotype_likelihoods,
    genotype_posteriors,
)
from dbgclean.variants.phase import Phase, copies_shown, phase_alleles
from dbgclean.variants.reasons import explain
from dbgclean.variants.signs import (
    FILTERS,
    MOST_QUALITY,
    Rules,
    Signs,
    find_signs,
    on_both_copies,
)
from dbgclean.variants.somatic import with_origins

__all__ = ["FILTERS", "Rules", "classify"]

_SNV, _TIP = KINDS.index("snv"), KINDS.index("tip")
_GAPS = tuple(KINDS.index(kind) for kind in ("insertion", "deletion", "complex"))
_HET, _HOM, _LOW = (ZYGOSITIES.index(z) for z in ("heterozygous", "homozygous", "low-frequency"))
# Share of the fragments that show one of two copies: less where the allele is no base,
# because reads that end within it show nothing of it.
_SHARE_OF_BASE, _SHARE_OF_GAP = 0.5, 0.4
# Fragments of a copy with a gap that show the reference all the same: they end in it.
_BLIND = 0.1
# log10 P(0/0) from which the genotype says by itself that there is an allele: Q20.
_SURELY_NOT_REFERENCE = -2.0
# Fragments of the reference on either strand beside which so many of an allele of one copy,
# or of a like fraction, stand on both by all but one chance in eight.
_BOTH_STRANDS, _TOO_MANY_FOR_CHANCE, _NO_LOW_FRACTION = 3, 4, 0.15
_LIKELIER = 0.5
# log10 of P(no variant) that neither the corrector nor its ratio goes below.
_LEAST_WRONG = -6.0


@dataclass(frozen=True, slots=True, eq=False)
class _Genotypes:
    """Of every allele: likelihoods, the best one, and whether one copy or both explain it."""

    likelihoods: np.ndarray
    log_reference: np.ndarray
    best: np.ndarray
    of_a_copy: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """What the alleles are, and on what grounds; ``rivals`` are pairs that exclude each other."""

    signs: Signs
    genotypes: _Genotypes
    rivals: np.ndarray
    klass: np.ndarray
    zygosity: np.ndarray

    @property
    def het(self) -> np.ndarray:
        return self.zygosity == _HET


def classify(
    table: AlleleTable,
    reads_of: tuple[np.ndarray, np.ndarray, np.ndarray],
    rules: Rules | None = None,
    *,
    somatic: bool = False,
) -> AlleleTable:
    """Say what every allele is.

    Parameters
    ----------
    table
        With counts, likelihoods, posteriors and verdicts.
    reads_of
        ``offsets`` int64 (n + 1,), ``fragment`` int64, ``shows_alt`` bool: per allele the
        fragments over its place that show it, or the reference.
    somatic
        Judge ``normal_alt`` and ``normal_depth``, too: fills ``origin``.

    Returns
    -------
    AlleleTable
        The same alleles with ``klass``, ``zygosity``, ``genotype``, ``phase_set``,
        ``genotype_likelihoods``, ``quality_score``, ``filters``, ``reasons`` and ``origin``.
        An allele on one of two copies is "0/1" even if the other copy holds yet another
        allele; the two are then "0|1" and "1|0". So is one of low frequency, at any
        ploidy: both are in the sample. Of one copy, the genotypes are "0" and "1".

    Raises
    ------
    ValueError
        If the ploidy is not 1 or 2.
    """
    rules = rules or Rules()
    calls = _call(table, find_signs(table, rules), None, rules)
    phase = _phase(table, reads_of, calls)
    shown = copies_shown(reads_of, calls.het, phase)
    # An allele without a neighbour that agrees may itself be none: it says nothing of others.
    sure = copies_shown(reads_of, calls.het & (phase.phase_set > 0), phase)
    signs = replace(calls.signs, both_copies=on_both_copies(shown))
    calls = _call(table, signs, sure, rules)
    phase = _phase(table, reads_of, calls)
    klass, zygosity, genotypes = calls.klass, calls.zygosity, calls.genotypes
    table = replace(
        table,
        klass=klass,
        zygosity=zygosity,
        genotype_likelihoods=genotypes.likelihoods,
        genotype=_genotype_texts(klass, zygosity, phase.copy, rules.ploidy),
        phase_set=phase.phase_set,
        quality_score=_quality_scores(table, calls, rules),
        filters=_filters(table, klass, calls.signs, rules),
    )
    table = replace(table, reasons=explain(table, calls.signs, shown, rules))
    return with_origins(table, rules) if somatic else table


def _call(table: AlleleTable, signs: Signs, shown: np.ndarray | None, rules: Rules) -> _Calls:
    """Classes first of every allele alone, then beside the variants that exclude it.

    ``shown``: fragments by copy, where that is known already.
    """
    none = np.zeros(len(table), np.int64)
    genotypes = _genotypes(table, none, shown, rules)
    rivals = _rivals(table, _classes(table, signs, genotypes, rules) == VARIANT)
    genotypes = _genotypes(table, _rival_fragments(table, rivals), shown, rules)
    # Both copies hold a homozygous allele; one of one copy is judged by its genotype.
    signs = replace(signs, both_copies=signs.both_copies & ~genotypes.of_a_copy)
    klass = _classes(table, signs, genotypes, rules)
    return _Calls(signs, genotypes, rivals, klass, _zygosities(klass, genotypes))


def _phase(
    table: AlleleTable, reads_of: tuple[np.ndarray, np.ndarray, np.ndarray], calls: _Calls
) -> Phase:
    exclusive = calls.rivals[calls.het[calls.rivals].all(1)]
    return phase_alleles(table.contig, table.position, reads_of, calls.het, exclusive)


def _genotypes(
    table: AlleleTable, rival_fragments: np.ndarray, shown: np.ndarray | None, rules: Rules
) -> _Genotypes:
    alt, other = table.alt_fragments, table.ref_fragments + rival_fragments
    other_error = fragment_error(table.quality, table.ref_mapping_quality)
    gap = np.isin(table.kind, _GAPS)
    likelihoods = genotype_likelihoods(
        alt,
        other,
        fragment_error(table.quality, table.mapping_quality),
        np.where(gap, np.maximum(other_error, _BLIND), other_error),
        rules.ploidy,
        shown,
    )
    best = best_genotype(likelihoods)
    # Reads with several differences are mapped and laid less readily, as those with gaps are;
    # so are misplaced ones, which the corrector does not believe.
    cluster = (table.others >= rules.others) & (table.verdict != verdicts.ERROR)
    plain = (table.kind == _SNV) & ~cluster
    share = np.where(plain, _SHARE_OF_BASE, _SHARE_OF_GAP)
    enough = fits_one_copy(alt, alt + other, share) >= rules.one_copy_risk
    log_reference = genotype_posteriors(likelihoods)[:, REFERENCE]
    of_a_copy = (best == HOMOZYGOUS) | ((best == HETEROZYGOUS) & enough)
    return _Genotypes(
        likelihoods, log_reference, best, of_a_copy & (log_reference <= _SURELY_NOT_REFERENCE)
    )


def _classes(table: AlleleTable, signs: Signs, genotypes: _Genotypes, rules: Rules) -> np.ndarray:
    """See the module: what is believed is a variant unless signs speak against it.

    One sign of an artefact leaves a real verdict undecided, two outweigh it; without that
    verdict one is enough. At the fraction of a copy, two signs of a repeat make one, if any
    says that there is another place: a haplotype of several alleles is what a copy has. At
    other fractions one does, for there the alleles of other copies are to be expected.
    """
    real = _real(table, signs, rules)
    artefacts, places, repeats = signs.artefacts, signs.places, signs.repeats
    # A genotype overrules the corrector only where nothing else takes its side: no error
    # explains an allele that all fragments show, but noise piles up to that of one copy.
    one_copy = genotypes.of_a_copy & (genotypes.best == HETEROZYGOUS)
    one_strand = (np.minimum(table.alt_forward, table.alt_reverse) == 0) & ~signs.one_way
    doubted = one_copy & ((artefacts + places == 1) | one_strand)
    believed = real | (genotypes.of_a_copy & ~doubted)
    klass = np.full(len(table), ERROR, np.uint8)
    # A judge may ask for more than that an allele is likelier real than not: that is open.
    klass[(table.verdict != verdicts.ERROR) | (table.posterior > _LIKELIER)] = UNDECIDED
    klass[believed] = VARIANT
    few = table.alt_fragments < rules.min_fragments
    if rules.min_fraction > 0:
        few |= below_fraction(table.alt_fragments, table.depth, rules.min_fraction)
    klass[believed & (few | (table.kind == _TIP))] = UNDECIDED
    klass[believed & (artefacts == 1) & real] = UNDECIDED
    # What a copy has, its reads of both strands show; of few fragments no test says so.
    both = np.minimum(table.ref_forward, table.ref_reverse) >= _BOTH_STRANDS
    many = table.alt_fragments >= _TOO_MANY_FOR_CHANCE
    frequent = one_copy | (table.fraction >= _NO_LOW_FRACTION)
    klass[believed & frequent & one_strand & both & many] = UNDECIDED
    klass[believed & (artefacts >= 1 + real)] = ERROR
    # Places may be deep without being copies, and reads are longer than the k-mers that
    # stand twice: neither tells by itself.
    weak = (signs.too_deep ^ signs.several_copies) & (repeats == 1)
    of_a_copy = (places > 0) & (places + signs.company > 1)
    repeated = np.where(genotypes.of_a_copy, of_a_copy, (repeats > 0) & ~weak)
    if rules.own_consensus:
        repeated |= genotypes.of_a_copy & (genotypes.best == HOMOZYGOUS)
    klass[believed & repeated & (klass != ERROR)] = REPEAT
    klass[(klass == ERROR) & _frequent(table, signs, rules)] = UNDECIDED
    return klass


def _frequent(table: AlleleTable, signs: Signs, rules: Rules) -> np.ndarray:
    """Is it shown by so many that no error explains it? bool (n,).

    One that stands on one strand alone, where the other fragments are on both, may be.
    """
    many = table.alt_fragments >= rules.frequent_fraction * table.depth
    alone = np.minimum(table.alt_forward, table.alt_reverse) == 0
    on_both = np.minimum(table.ref_forward, table.ref_reverse) > 0
    return many & (table.depth >= rules.frequent_depth) & ~(alone & on_both & signs.one_strand)


def _real(table: AlleleTable, signs: Signs, rules: Rules) -> np.ndarray:
    """Is the allele real by its own evidence, whatever its fraction? bool (n,).

    The corrector says so; of two fragments it must be sure, for real samples are poorer
    in alleles than those that it was trained on.
    """
    surely = (table.alt_fragments >= rules.several) | (table.posterior >= rules.sure)
    real = (table.verdict == verdicts.REAL) & surely
    return real | (_excess_ratio(table, signs, rules) >= 0)


def _excess_ratio(table: AlleleTable, signs: Signs, rules: Rules) -> np.ndarray:
    """Nats by which the likelihood ratio alone makes an allele real; -inf where it may not.

    Where the corrector does not deny, support on both strands is enough. Where it denies
    (it was trained on some hundred fragments and knows nothing of ten thousand), there has
    to be no sign of anything else: good bases, several places in the read, even strands.
    Each is measured against the reference's fragments: those of amplicons begin at few
    places and may all go one way.
    """
    n = table.alt_fragments
    both_strands = (table.alt_forward > 0) & (table.alt_reverse > 0)
    many = n >= rules.several
    clean = many & (signs.artefacts + signs.repeats == 0) & ~signs.uneven_strands
    # Errors are among the support, and their bases are poor: as many as are to be expected.
    poor = table.low_quality - np.nan_to_num(table.expected)
    clean &= ~signs.few_places & (poor <= rules.few_poor * n)
    needed = np.full(len(table), np.inf)
    needed[clean] = rules.beyond_doubt
    needed[(table.verdict != verdicts.ERROR) & both_strands & many] = rules.likelihood
    return np.nan_to_num(table.likelihood, nan=-np.inf) - needed


def _rivals(table: AlleleTable, believed: np.ndarray) -> np.ndarray:
    """Pairs of alleles that cannot stand on one copy, int64 (m, 2), first < second.

    Bases that both replace or delete; the base before a gap, which VCF writes down, is
    touched by neither. Two insertions in one place exclude each other, too.
    """
    rows = np.flatnonzero(believed & (table.kind != _TIP))
    spans = [_touched(table, row) for row in rows.tolist()]
    pairs = []
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            if table.contig[rows[j]] != table.contig[rows[i]]:
                break
            if table.position[rows[j]] >= max(spans[i][1], table.position[rows[i]] + 1):
                break
            if spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]:
                pairs.append((rows[i], rows[j]))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _touched(table: AlleleTable, row: int) -> tuple[float, float]:
    """First and last touched place; an insertion lies between two bases."""
    position, ref, alt = int(table.position[row]), table.ref[row], table.alt[row]
    shared = 1 if len(ref) != len(alt) and ref[:1] == alt[:1] else 0
    if len(ref) == shared:
        return position + 0.5, position + 0.6
    return float(position + shared), float(position + len(ref))


def _rival_fragments(table: AlleleTable, rivals: np.ndarray) -> np.ndarray:
    """Fragments that show an allele which excludes this one, int64 (n,); within the depth."""
    count = np.zeros(len(table), np.int64)
    alt = table.alt_fragments
    np.add.at(count, rivals[:, 0], alt[rivals[:, 1]])
    np.add.at(count, rivals[:, 1], alt[rivals[:, 0]])
    return np.clip(count, 0, np.maximum(table.depth - alt - table.ref_fragments, 0))


def _zygosities(klass: np.ndarray, genotypes: _Genotypes) -> np.ndarray:
    zygosity = np.zeros(len(klass), np.uint8)
    variant = klass == VARIANT
    zygosity[variant] = _LOW
    zygosity[variant & genotypes.of_a_copy & (genotypes.best == HETEROZYGOUS)] = _HET
    zygosity[variant & genotypes.of_a_copy & (genotypes.best == HOMOZYGOUS)] = _HOM
    return zygosity


def _genotype_texts(
    klass: np.ndarray, zygosity: np.ndarray, copy: np.ndarray, ploidy: int
) -> np.ndarray:
    texts = np.full(len(klass), "./." if ploidy == 2 else ".", object)
    texts[klass == ERROR] = "0/0" if ploidy == 2 else "0"
    texts[(zygosity == _HET) | (zygosity == _LOW)] = "0/1"
    texts[zygosity == _HOM] = "1/1" if ploidy == 2 else "1"
    texts[(zygosity == _HET) & (copy == 1)] = "0|1"
    texts[(zygosity == _HET) & (copy == 0)] = "1|0"
    return texts


def _quality_scores(table: AlleleTable, calls: _Calls, rules: Rules) -> np.ndarray:
    """Phred of P(no variant): of the best witness; capped where signs outweigh them all."""
    wrong = np.maximum(np.log10(np.maximum(1 - table.posterior.astype(float), 1e-9)), _LEAST_WRONG)
    genotypes = calls.genotypes
    wrong = np.where(genotypes.of_a_copy, np.minimum(wrong, genotypes.log_reference), wrong)
    excess = _excess_ratio(table, calls.signs, rules)
    by_ratio = np.where(excess >= 0, -np.log10(2) - excess / np.log(10), 0.0)
    wrong = np.minimum(wrong, np.maximum(by_ratio, _LEAST_WRONG))
    believed = genotypes.of_a_copy | _real(table, calls.signs, rules)
    believed |= (table.verdict != verdicts.REAL) & (table.posterior > _LIKELIER)
    most = np.array([MOST_QUALITY[k] for k in range(len(MOST_QUALITY))])[calls.klass]
    return np.clip(-10 * wrong, 0, np.where(believed, most, MOST_QUALITY[VARIANT])) + 0.0


def _filters(table: AlleleTable, klass: np.ndarray, signs: Signs, rules: Rules) -> np.ndarray:
    """Names of `FILTERS`, in its order; none for a variant, at least one for all others."""
    no_variant = klass != VARIANT
    fraction = np.zeros(len(table), bool)
    if rules.min_fraction > 0:
        fraction = below_fraction(table.alt_fragments, table.depth, rules.min_fraction)
    holds = {
        "NotReal": klass == ERROR,
        "Undecided": klass == UNDECIDED,
        "Repeat": klass == REPEAT,
        "StrandBias": signs.one_strand,
        "LowQual": signs.poor_bases,
        "LowMapQ": signs.poor_mapping,
        "ReadEnd": signs.read_ends,
        "SameCycle": signs.one_place,
        "MatesDisagree": signs.mates_deny,
        "Homopolymer": signs.long_run,
        "BothCopies": signs.both_copies,
        "FewFragments": table.alt_fragments < rules.min_fragments,
        "LowFraction": fraction,
        "InNormal": np.zeros(len(table), bool),
        "OpenEnd": table.kind == _TIP,
    }
    held = np.stack([holds[name] & no_variant for name in FILTERS], axis=1).tolist()
    known: dict[tuple[bool, ...], tuple[str, ...]] = {}
    result = np.empty(len(table), object)
    for row, flags in enumerate(map(tuple, held)):
        if flags not in known:
            known[flags] = tuple(name for name, flag in zip(FILTERS, flags, strict=True) if flag)
        result[row] = known[flags]
    return result
