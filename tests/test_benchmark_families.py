"""Each family of the simulator shows the mark that it is named for, and the same by seed."""

import numpy as np
import pytest

from benchmarks.simulators import simulate
from benchmarks.simulators.family import (
    FAMILIES,
    amplicons,
    contamination,
    motif,
    novaseq,
    slippage,
    strand,
)
from benchmarks.simulators.truth import canonical_kmers, pack_kmers
from dbgclean.reads import iter_batches, plan_inputs

GENOME = simulate.random_genome(20_000, seed=5)
A, C, G, T = range(4)


@pytest.fixture(scope="module")
def samples():
    """One sample of every family."""
    return {name: family.draw(3, genome=GENOME, depth=60) for name, family in FAMILIES.items()}


def changes(sample, reads):
    """Bases that differ from the genome in some reads: (read, place, from, to), alleles left out.

    Forward orientation; only reads that lie on the genome base for base.
    """
    reads = np.flatnonzero(reads & np.repeat(sample.whole, 2))
    length = sample.codes.shape[1]
    codes = sample.codes[reads]
    codes = np.where(sample.reverse[reads, None], 3 - codes[:, ::-1], codes)
    place = sample.position[reads, None] + np.arange(length)
    truth = GENOME[np.minimum(place, len(GENOME) - 1)]
    wrong = (codes != truth) & ~np.isin(place, sample.sites.position)
    at, cycle = np.nonzero(wrong)
    return reads[at], place[at, cycle], truth[at, cycle], codes[at, cycle]


def share_of(old, new, pairs):
    """Share of changes that are one of some pairs."""
    return np.mean(np.isin(4 * old.astype(int) + new, [4 * a + b for a, b in pairs]))


def whole_reads(sample):
    return np.ones(len(sample), bool)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_seed_gives_the_same_reads_and_another_seed_others(name, samples):
    again = FAMILIES[name].draw(3, genome=GENOME, depth=60)
    other = FAMILIES[name].draw(4, genome=GENOME, depth=60)
    for field in ("codes", "quals", "position", "reverse", "molecule"):
        assert np.array_equal(getattr(samples[name], field), getattr(again, field))
    assert np.array_equal(samples[name].truth.kmers, again.truth.kmers)
    assert samples[name].codes.tobytes() != other.codes.tobytes()


@pytest.mark.parametrize("name", list(FAMILIES))
def test_depth_and_truth(name, samples):
    sample = samples[name]
    assert sample.codes.size / len(GENOME) == pytest.approx(60, rel=0.05)
    reads = [canonical_kmers(pack_kmers(row, 31), 31) for row in sample.codes[:2000]]
    true = np.isin(np.concatenate(reads), sample.truth.kmers).mean()
    assert 0.8 < true < 1
    assert np.isin(sample.truth.alleles, sample.truth.kmers).all()
    common = np.isin(sample.truth.group, ["0.5", "0.2"])
    # Some tiles of amplicons have hardly a read.
    assert sample.truth.by_reads[common].mean() > (0.5 if name == "amplicons" else 0.8)


@pytest.mark.parametrize("name", ["independent", "no_qualities", "amplicons"])
def test_files_hold_the_reads(name, samples, tmp_path):
    sample = samples[name]
    paths = FAMILIES[name].write(sample, tmp_path)
    found = []
    for path in paths:
        for group in plan_inputs([str(path)], single=True):
            found.append(np.concatenate([batch.codes for batch in iter_batches(group)]))
    for mate in (0, 1):
        assert np.array_equal(found[mate], sample.codes[mate::2].ravel())
    assert FAMILIES[name].fasta == (paths[0].suffix == ".fasta")


def test_errors_follow_qualities(samples):
    sample = samples["independent"]
    read, *_ = changes(sample, whole_reads(sample))
    assert len(read) / sample.codes.size == pytest.approx(0.004, rel=0.15)
    bad = sample.quals.mean(1) < np.quantile(sample.quals.mean(1), 0.2)
    assert np.mean(bad[read]) > 0.35


def test_equal_qualities(samples):
    assert len(np.unique(samples["no_qualities"].quals)) == 1


def recurring(sample, least=4):
    """Place, strand and quality of changes that one strand shows again and again."""
    read, place, old, new = changes(sample, whole_reads(sample))
    key = (place * 4 + new) * 2 + sample.reverse[read]
    found, counts = np.unique(key, return_counts=True)
    return found[counts >= least] // 8, found[counts >= least] & 1, key, read


def test_strand_sites_err_on_one_strand_at_one_quality():
    sample = FAMILIES["strand"].draw(3, genome=GENOME, depth=400)
    place, side, key, read = recurring(sample, least=8)
    assert 8 <= len(place) <= 20
    assert len(np.unique(place)) == len(place)
    low = []
    for at, reverse in zip(place, side, strict=True):
        rows = read[np.isin(key, (at * 4 + np.arange(4)) * 2 + reverse)]
        cycle = at - sample.position[rows]
        cycle = np.where(sample.reverse[rows], sample.codes.shape[1] - 1 - cycle, cycle)
        low.append(np.mean(sample.quals[rows, cycle] == strand.LOW))
    # By site, not by read: nearly all low or nearly none.
    assert all(share > 0.6 or share < 0.2 for share in low)
    assert any(share > 0.6 for share in low)
    assert any(share < 0.2 for share in low)


def test_motif_sites_lie_behind_motifs():
    sample = FAMILIES["motif"].draw(3, genome=GENOME, depth=400)
    place, side, *_ = recurring(sample, least=8)
    assert len(place) >= 6
    forward = motif.behind_motif(GENOME)
    backward = len(GENOME) - 1 - motif.behind_motif(3 - GENOME[::-1])
    behind = np.where(side == 0, np.isin(place, forward), np.isin(place, backward))
    assert behind.mean() > 0.9


def test_ffpe_mates_agree_on_deamination():
    sample = FAMILIES["ffpe"].draw(3, genome=GENOME, depth=300)
    read, place, old, new = changes(sample, whole_reads(sample))
    pairs = (read // 2) << 32 | place << 2 | new
    _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
    both = first[counts == 2]
    assert len(both) > 10
    assert share_of(old[both], new[both], [(C, T), (G, A)]) > 0.75
    plain = FAMILIES["independent"].draw(3, genome=GENOME, depth=300)
    read, place, _, new = changes(plain, whole_reads(plain))
    pairs = (read // 2) << 32 | place << 2 | new
    assert (np.unique(pairs, return_counts=True)[1] == 2).sum() < len(both) / 3


def test_ffpe_is_commoner_in_cpg():
    sample = FAMILIES["ffpe"].draw(3, genome=GENOME, depth=400)
    read, place, old, new = changes(
        sample, sample.quals.mean(1) > np.quantile(sample.quals.mean(1), 0.7)
    )
    inner = (place > 0) & (place < len(GENOME) - 1)
    damage = inner & (((old == C) & (new == T)) | ((old == G) & (new == A)))
    cpg = ((GENOME[:-1] == C) & (GENOME[1:] == G)).astype(bool)
    in_cpg = np.zeros(len(GENOME), bool)
    in_cpg[:-1] |= cpg
    in_cpg[1:] |= cpg
    seen = in_cpg[place[damage]].mean()
    expected = in_cpg[(GENOME == C) | (GENOME == G)].mean()
    assert seen / expected > 1.3


def test_oxidation_follows_orientation_and_not_strand():
    sample = FAMILIES["oxidation"].draw(3, genome=GENOME, depth=400)
    read, place, old, new = changes(sample, whole_reads(sample))
    f1r2 = ~sample.reverse[read & ~1]
    kind = 4 * old.astype(int) + new
    gt, ca = kind == 4 * G + T, kind == 4 * C + A
    found, counts = np.unique(place[gt | ca], return_counts=True)
    again = np.isin(place, found[counts >= 7]) & (gt | ca)
    assert again.sum() > 50
    assert np.mean(f1r2[again & gt]) > 0.9
    assert np.mean(f1r2[again & ca]) < 0.1
    assert 0.3 < np.mean(sample.reverse[read[again]]) < 0.7
    # First reads show G>T in their own orientation, second reads C>A.
    as_read = np.where(sample.reverse[read], 3 - old, old)
    assert np.mean((as_read == G) == (read & 1 == 0), where=again) > 0.9


def same_ends(sample):
    """Share of the pairs whose two ends another pair has too."""
    ends = np.stack([sample.position[::2], sample.position[1::2]], 1)
    _, inverse, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    return np.mean(counts[inverse.ravel()] > 1)


def test_duplicates_share_their_ends(samples):
    assert same_ends(samples["duplicates"]) > 0.6
    assert same_ends(samples["independent"]) < 0.05
    number = np.bincount(samples["duplicates"].molecule)
    assert number[number > 0].mean() == pytest.approx(4, rel=0.1)


def test_duplicates_share_early_errors(samples):
    sample = samples["duplicates"]
    read, place, _, new = changes(sample, whole_reads(sample))
    _, counts = np.unique(
        np.stack([sample.molecule[read // 2], place, new], 1), axis=0, return_counts=True
    )
    plain = samples["independent"]
    read, place, _, new = changes(plain, whole_reads(plain))
    alone = np.unique(np.stack([place, new], 1), axis=0, return_counts=True)[1]
    assert (counts >= 4).sum() > 5 * max(1, (alone >= 4).sum())


def test_contamination_is_true_and_rare(samples):
    sample = samples["contamination"]
    assert 0.01 < 1 - sample.whole.mean() < 0.06
    group = sample.truth.group == "strain"
    assert group.sum() > 50
    genome = simulate.true_kmers(GENOME, sample.sites, 31)
    middle = sample.truth.alleles[group, 15]
    assert not np.isin(middle, genome).any()
    assert np.isin(middle, sample.truth.kmers).all()
    reads = sample.codes[np.repeat(~sample.whole, 2)]
    shown = np.concatenate([canonical_kmers(pack_kmers(row, 31), 31) for row in reads])
    assert np.isin(shown, sample.truth.kmers).mean() > 0.8
    assert contamination.SHARE == 0.03


def test_novaseq_has_few_qualities_and_dark_tails(samples):
    sample = samples["novaseq"]
    assert set(np.unique(sample.quals)) <= set(novaseq.BINS)
    tail = (sample.codes[:, -20:] == G).mean(1) > 0.8
    assert 0.01 < tail.mean() < 0.05
    assert (sample.quals[tail, -20:] == novaseq.BINS[-1]).mean() > 0.99
    assert (samples["independent"].codes[:, -20:] == G).mean(1).max() < 0.8


def test_longer_runs_slip_more_often(samples):
    assert np.all(np.diff(slippage.slip_rates()) >= 0)
    slipped = 1 - samples["slippage"].whole.mean()
    assert 0.001 < slipped < 0.2
    assert samples["independent"].whole.all()


def test_amplicons_have_few_starts_and_uneven_depth(samples):
    sample = samples["amplicons"]
    starts = sample.position[~sample.reverse]
    assert np.all(starts % amplicons.STEP == 0)
    ends = sample.position[sample.reverse] + sample.codes.shape[1] - amplicons.SIZE
    assert np.all(ends % amplicons.STEP == 0)
    counts = np.bincount(starts // amplicons.STEP)
    assert np.quantile(counts, 0.95) > 10 * np.quantile(counts, 0.05)


def test_amplicons_have_the_primers_of_the_genome(samples):
    sample = samples["amplicons"]
    primed = ~sample.reverse
    place = sample.position[primed, None] + np.arange(amplicons.PRIMER)
    wrong = sample.codes[primed, : amplicons.PRIMER] != GENOME[place]
    assert wrong.mean() < 0.006


def test_low_depth_has_its_own_alleles():
    family = FAMILIES["low_depth"]
    assert family.depths == (30.0, 60.0)
    sample = family.draw(1, genome=GENOME)
    assert set(sample.truth.group) == {"0.5", "0.2", "0.1"}
    assert sample.codes.size / len(GENOME) == pytest.approx(30, rel=0.02)


def test_a_genome_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="needs 2,000"):
        FAMILIES["strand"].draw(1, genome=GENOME[:500])
