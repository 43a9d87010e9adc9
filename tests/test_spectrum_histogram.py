"""The histogram's fit on simulated and real reads, and where it must decline."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy.heterozygosity import differing, fit_of
from benchmarks.simulators import simulate
from dbgclean.report import ploidy_sentence
from dbgclean.spectrum.histogram import MAX_ABUNDANCE, Spectrum, abundance_histogram, fit_spectrum
from dbgclean.spectrum.table import KmerTable
from dbgclean.spectrum.whole import count_codes, count_kmers

READ = 150
K = 31


def reads_of(
    rng: np.random.Generator, haplotypes: list[np.ndarray], shares: list[float], depth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and offsets of error-free reads from circular haplotypes of one length."""
    size = haplotypes[0].size
    n = int(depth * size / READ)
    codes = np.empty((n, READ), dtype=np.uint8)
    source = rng.choice(len(haplotypes), n, p=shares)
    for number, haplotype in enumerate(haplotypes):
        chosen = np.flatnonzero(source == number)
        starts = rng.integers(0, size, chosen.size)
        circle = np.concatenate((haplotype, haplotype[:READ]))
        codes[chosen] = circle[starts[:, None] + np.arange(READ)]
    flipped = rng.random(n) < 0.5
    codes[flipped] = 3 - codes[flipped][:, ::-1]
    return codes.ravel(), np.arange(n + 1, dtype=np.int64) * READ


def with_errors(rng: np.random.Generator, codes: np.ndarray, rate: float) -> np.ndarray:
    """Substitutions at rates that differ from base to base."""
    wrong = rng.random(codes.size) < rate * rng.gamma(0.5, 2, codes.size)
    shift = rng.integers(1, 4, codes.size)
    return np.where(wrong, (codes + shift) % 4, codes).astype(np.uint8)


def spectrum_of(
    seed: int, size: int, depth: float, rate: float, het: float = 0, share: float = 0.5
) -> Spectrum:
    rng = np.random.default_rng(seed)
    genome = rng.integers(0, 4, size).astype(np.uint8)
    other = with_errors(rng, genome, het)
    codes, offsets = reads_of(rng, [genome, other], [1 - share, share], depth)
    table = count_codes(with_errors(rng, codes, rate), offsets, None, K)
    return fit_spectrum(table, bases=codes.size)


@pytest.mark.parametrize(
    ("size", "depth", "rate"),
    [
        (200_000, 5, 0.003),
        (200_000, 10, 0.003),
        (100_000, 30, 0.01),
        (100_000, 30, 0.03),
        (50_000, 100, 0.003),
        (5_386, 300, 0.001),
        (5_000, 1000, 0.01),
        (1_000, 60, 0.002),
        (50_000, 20, 0.0),
    ],
)
def test_haploid_estimates_are_near_the_truth(size: int, depth: float, rate: float) -> None:
    fit = spectrum_of(11, size, depth, rate)
    assert fit.fitted, fit.reason
    assert fit.reason == ""
    assert fit.genome_size == pytest.approx(size, rel=0.05)
    assert fit.depth == pytest.approx(depth, rel=0.05)
    clean = (READ - K + 1) / READ * (1 - rate) ** K
    assert fit.peak == pytest.approx(depth * clean, rel=0.05)
    assert fit.error_rate == pytest.approx(rate, rel=0.2, abs=1e-4)
    assert fit.half_peak is None
    assert fit.ploidy is None
    assert "heterozygosity" not in fit.to_dict()["fit"]
    assert 2 <= fit.valley < max(3, fit.peak / 2)
    assert fit.cutoff == fit.valley


@pytest.mark.parametrize("depth", [20, 40, 60])
@pytest.mark.parametrize("het", [0.001, 0.01, 0.03])
def test_diploid_peaks_are_told_apart(depth: float, het: float) -> None:
    fit = spectrum_of(12, 100_000, depth, 0.002, het=het)
    assert fit.fitted, fit.reason
    assert fit.half_peak == pytest.approx(fit.peak / 2, rel=1e-3)
    assert fit.genome_size == pytest.approx(100_000, rel=0.05)
    assert fit.valley < fit.half_peak
    if het > 0.001 or depth > 20:
        assert fit.ploidy == 2
        assert fit.heterozygosity == pytest.approx(het, rel=0.12)
    assert fit.to_dict()["fit"]["heterozygosity"] == fit.heterozygosity


@pytest.mark.parametrize("shares", [(0.6, 0.4), (0.8, 0.2), (1 / 3,) * 3, (0.25,) * 4])
def test_what_is_no_diploid_has_no_heterozygosity(shares: tuple[float, ...]) -> None:
    genome = simulate.random_genome(200_000, seed=8)
    haplotypes = [(differing(genome, 0.005 * (i > 0), i), s) for i, s in enumerate(shares)]
    fit = fit_of(haplotypes, 40, 5)
    assert fit.heterozygosity is None
    assert fit.ploidy is None


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.02])
def test_a_shallow_diploid_is_not_determined(rate: float) -> None:
    genome = simulate.random_genome(100_000, seed=8)
    fit = fit_of([(genome, 0.5), (differing(genome, rate, 1), 0.5)], 10, 5)
    assert fit.heterozygosity is None


def test_the_sentence_of_a_diploid() -> None:
    fit = {"half_peak": 20.0, "ploidy": 2, "heterozygosity": 0.01023}
    assert "differ in 1.02 % of their bases" in ploidy_sentence(fit)
    fit["heterozygosity"] = fit["ploidy"] = None
    assert "is not determined" in ploidy_sentence(fit)
    assert not ploidy_sentence({"half_peak": None})
    assert not ploidy_sentence({})


def test_the_valley_stays_below_minor_alleles_and_these_make_no_half_peak() -> None:
    fit = spectrum_of(13, 50_000, 200, 0.002, het=0.001, share=0.1)
    assert fit.fitted
    assert fit.half_peak is None
    assert fit.valley <= 8


def test_errors_and_genome_are_separated_by_the_valley() -> None:
    rng = np.random.default_rng(14)
    genome = rng.integers(0, 4, 50_000).astype(np.uint8)
    codes, offsets = reads_of(rng, [genome], [1.0], 40)
    table = count_codes(with_errors(rng, codes, 0.005), offsets, None, K)
    circle = np.concatenate((genome, genome[: K - 1]))
    truth = count_codes(circle, np.array([0, circle.size]), None, K)
    real = np.isin(table.keys, truth.keys)
    solid = table.counts >= fit_spectrum(table).valley
    assert (solid & ~real).sum() < 0.002 * real.sum()
    assert (~solid & real).sum() < 0.002 * real.sum()


@pytest.mark.parametrize(
    ("histogram", "reason"),
    [
        ([0], "no k-mers"),
        ([0, 0, 0], "no k-mers"),
        ([0, 100, 20], "only 120 distinct"),
        ([0, 100_000, 20_000, 5_000, 1_000], "falls without a coverage peak"),
    ],
)
def test_without_a_peak_there_is_a_reason(histogram: list[int], reason: str) -> None:
    fit = fit_spectrum(np.array(histogram), K)
    assert not fit.fitted
    assert reason in fit.reason
    assert (fit.valley, fit.peak, fit.half_peak, fit.genome_size) == (0, 0, None, 0)
    assert fit.cutoff == 2
    assert fit.curve == []


def test_a_metagenome_is_declined() -> None:
    rng = np.random.default_rng(15)
    parts = []
    for depth in np.exp(rng.normal(2, 1.5, 30)):
        genome = rng.integers(0, 4, 10_000).astype(np.uint8)
        parts.append(reads_of(rng, [genome], [1.0], depth)[0])
    codes = with_errors(rng, np.concatenate(parts), 0.003)
    fit = fit_spectrum(count_codes(codes, np.arange(0, codes.size + 1, READ), None, K))
    assert not fit.fitted
    assert "uneven" in fit.reason


@settings(max_examples=40)
@given(
    st.dictionaries(st.integers(1, 300) | st.integers(1, 3000), st.integers(1, 10**7), max_size=60)
)
def test_any_histogram_gets_a_fit_or_a_reason(counts: dict[int, int]) -> None:
    histogram = np.zeros(max(counts, default=0) + 1, dtype=np.int64)
    for abundance, kmers in counts.items():
        histogram[abundance] = kmers
    fit = fit_spectrum(histogram, K)
    assert fit.fitted == (fit.reason == "")
    assert fit.total == sum(abundance * kmers for abundance, kmers in counts.items())
    report = fit.to_dict()
    assert json.loads(json.dumps(report)) == report
    assert report["histogram"] == [[a, counts[a]] for a in sorted(counts)]


def test_the_curve_follows_the_histogram() -> None:
    fit = spectrum_of(16, 100_000, 30, 0.003)
    drawn = {a: error + genome for a, error, genome in fit.curve}
    assert list(drawn) == sorted(drawn)
    for abundance in (1, round(fit.peak) - 4, round(fit.peak), round(fit.peak) + 4):
        assert drawn[abundance] == pytest.approx(fit.histogram[abundance], rel=0.15)
    errors = {a: error for a, error, _ in fit.curve}
    assert errors[1] > 0.9 * drawn[1]
    assert errors[round(fit.peak)] < 0.01 * drawn[round(fit.peak)]


def test_highest_abundances_share_the_last_bin() -> None:
    keys = np.arange(3, dtype=np.uint64)
    counts = np.array([2, MAX_ABUNDANCE, 4_000_000_000], dtype=np.uint32)
    histogram = abundance_histogram(KmerTable(K, keys, counts, counts, counts))
    assert histogram.size == MAX_ABUNDANCE + 1
    assert histogram[[2, MAX_ABUNDANCE]].tolist() == [1, 2]


def test_k_must_be_known_and_agree() -> None:
    with pytest.raises(ValueError, match="k is needed"):
        fit_spectrum(np.array([0, 5]))
    with pytest.raises(ValueError, match="31-mers, not 21-mers"):
        fit_spectrum(KmerTable.empty(31), 21)


@pytest.mark.parametrize(
    ("names", "size", "depth", "rate"),
    [
        (("phix_R1.fastq.gz", "phix_R2.fastq.gz"), 5_386, 736, 0.0005),
        (("tb10k_R1.fastq.gz", "tb10k_R2.fastq.gz"), 10_087, 117, 0.0008),
        (("mtdna_ERR2438055_R1.fastq.gz", "mtdna_ERR2438055_R2.fastq.gz"), 16_569, 137, 0.0041),
    ],
)
def test_real_reads(
    shared_data: Path, names: tuple[str, ...], size: int, depth: float, rate: float
) -> None:
    table, bases = count_files(shared_data, names)
    fit = fit_spectrum(table, bases=bases)
    assert fit.fitted, fit.reason
    assert fit.half_peak is None
    assert fit.genome_size == pytest.approx(size, rel=0.1)
    assert fit.depth == pytest.approx(depth, rel=0.15)
    assert fit.error_rate == pytest.approx(rate, rel=0.6)
    assert 4 <= fit.valley < fit.peak / 4


def test_clean_reads_have_no_error_component(shared_data: Path) -> None:
    table, bases = count_files(shared_data, ("ecoli_1K_1.fq.gz", "ecoli_1K_2.fq.gz"))
    fit = fit_spectrum(table, bases=bases)
    assert fit.fitted, fit.reason
    assert fit.valley <= 4
    assert fit.error_rate < 1e-4


def test_uneven_amplicons_are_declined(shared_data: Path) -> None:
    names = ("twist_MN908947_R1.fastq.gz", "twist_MN908947_R2.fastq.gz")
    table, bases = count_files(shared_data, names)
    fit = fit_spectrum(table, bases=bases)
    assert not fit.fitted
    assert "uneven" in fit.reason


def count_files(folder: Path, names: tuple[str, ...]) -> tuple[KmerTable, int]:
    from dbgclean.reads import iter_batches, plan_inputs

    batches = [
        batch
        for group in plan_inputs([str(folder / "reads" / name) for name in names])
        for batch in iter_batches(group)
    ]
    return count_kmers(batches, K), sum(int(batch.codes.size) for batch in batches)
