"""Alleles and errors put into reads: where they were asked for, as often, and nothing else."""

import numpy as np
import pytest
from small_samples import mixture, turned

from benchmarks.simulators import simulate
from dbgclean.evidence.gather import gather
from dbgclean.spectrum.hashing import hashes
from dbgclean.spectrum.histogram import fit_spectrum
from dbgclean.spectrum.kmers import strings_to_kmers
from dbgclean.spectrum.whole import count_kmers
from dbgclean.training.injection import Injection, Injector, PlaceFinder

K = 21


@pytest.fixture(scope="module")
def sample():
    """Batches, table, evidence and places of a clone."""
    reads, genome, _ = mixture(length=20_000, depth=40, spacing=None, seed=31)
    batches = list(simulate.to_batches(reads, 2000))
    table = count_kmers(iter(batches), K)
    evidence = gather(iter(batches), table, fit_spectrum(table, K))
    finder = PlaceFinder(table, 60)
    for batch in batches:
        finder.add(batch)
    return batches, table, evidence, finder, finder.finish(evidence.alternatives), genome


def injection_of(places, rate, is_allele, strand=2, blind=1.0):
    n = len(places)
    return Injection(
        places,
        ((places.base + 1) & 3).astype(np.uint8),
        np.full(n, rate),
        np.full(n, is_allele),
        np.full(n, strand, np.int8),
        np.full(n, blind),
    )


def injected(sample, injection, threads=1, seed=5):
    """All batches with what was put in, which reads changed, and the injector."""
    batches, _, evidence, finder, _, _ = sample
    injector = Injector(injection, evidence.alternatives.rates, finder.qualities, seed)
    out, changed, first = [], [], 0
    for batch in batches:
        new, marks = injector.inject(batch, first, threads)
        out.append(new)
        changed.append(marks)
        first += len(batch)
    return out, np.concatenate(changed), injector


def test_places_lie_in_the_genome_and_apart(sample):
    places, genome = sample[4], sample[5]
    assert len(places) > 100
    text = simulate.decode(genome)
    both = text + "N" + simulate.decode(3 - genome[::-1])
    for context in places.context:
        assert simulate.decode(context) in both
    kmers = np.sort(places.kmers().ravel())
    assert (kmers[1:] != kmers[:-1]).all()


def test_places_are_the_same_on_the_other_strand_and_in_other_batches(sample):
    batches, table, evidence, _, places, _ = sample
    finder = PlaceFinder(table, 60)
    for batch in reversed(batches):
        finder.add(turned(batch))
    again = finder.finish(evidence.alternatives)
    assert again.key.tolist() == places.key.tolist()
    assert (again.context == places.context).all()


def test_alleles_go_into_their_share_of_fragments_on_both_mates(sample):
    batches, places = sample[0], sample[4]
    out, changed, injector = injected(sample, injection_of(places, 0.3, True))
    everywhere = injected(sample, injection_of(places, 1.0, True))[2].tally
    share = injector.tally.sum() / everywhere.sum()
    assert 0.27 < share < 0.33
    # Nearly every read over a place is seen: depth 40, and errors hide few.
    assert everywhere.mean() > 34
    bases = np.concatenate([new.bases != old.bases for new, old in zip(out, batches, strict=True)])
    codes = np.concatenate([new.codes != old.codes for new, old in zip(out, batches, strict=True)])
    assert (bases == codes).all()
    assert bases.sum() == injector.tally.sum()
    per_read = np.add.reduceat(bases, np.arange(0, len(bases), 100)) > 0
    assert (per_read == changed).all()


def test_fragments_carry_an_allele_whole(sample):
    """Where mates overlap a place, both show the allele or neither does."""
    batches, places = sample[0], sample[4]
    half, full = (injected(sample, injection_of(places, rate, True))[0] for rate in (0.5, 1.0))
    mixed = 0
    for some, whole, old in zip(half, full, batches, strict=True):
        shape = (-1, 2, 100)
        could = (whole.codes != old.codes).reshape(shape).sum(axis=2)
        did = (some.codes != old.codes).reshape(shape).sum(axis=2)
        one_place = (could == 1).all(axis=1)
        mixed += int((did[one_place, 0] != did[one_place, 1]).sum())
        assert (did <= could).all()
    # Mates of 240 bases at 100 each do not overlap, so they may differ only by place.
    assert mixed > 0


def test_errors_keep_to_their_strand(sample):
    places = sample[4]
    counts = [
        injected(sample, injection_of(places, 0.4, False, strand))[2].tally.sum()
        for strand in (0, 1, 2)
    ]
    assert counts[0] + counts[1] == counts[2]
    assert abs(counts[0] - counts[1]) < 0.1 * counts[2]


def test_errors_go_where_qualities_are_low(sample):
    batches, places = sample[0], sample[4]
    out = injected(sample, injection_of(places, 0.1, False, 2, blind=0.0))[0]
    hit = np.concatenate(
        [new.quals[new.codes != old.codes] for new, old in zip(out, batches, strict=True)]
    )
    every = np.concatenate([batch.quals for batch in batches])
    assert hit.mean() < every.mean() - 5


def test_threads_and_batches_make_no_difference(sample):
    injection = injection_of(sample[4], 0.2, True)
    one, two = (injected(sample, injection, threads) for threads in (1, 3))
    for a, b in zip(one[0], two[0], strict=True):
        assert a.bases.tobytes() == b.bases.tobytes()
    assert one[2].tally.tolist() == two[2].tally.tolist()
    other = injected(sample, injection, seed=6)
    assert other[2].tally.tolist() != one[2].tally.tolist()


def test_gathered_again_the_alleles_are_found_under_their_keys(sample):
    batches, _, _, _, places, _ = sample
    injection = injection_of(places, 0.1, True)
    out, _, injector = injected(sample, injection)
    table = count_kmers(iter(out), K)
    evidence = gather(iter(out), table, fit_spectrum(table, K))
    shown = injector.tally > 0
    found = np.isin(injection.key[shown], evidence.alternatives.key)
    # Some are solid by now, and a few lie where threading goes another way.
    rare = injector.tally[shown] < 5
    assert found[rare].mean() > 0.95


def test_hashes_are_those_of_splitmix64():
    assert hashes(np.zeros(1, np.uint64))[0] == 0xE220A8397B1DCDAF


def test_alternatives_of_a_place_are_its_31mers(sample):
    places = sample[4]
    own = places.alternatives(places.base)
    middle = places.context.shape[1] // 2
    text = simulate.decode(places.context[0, middle - 15 : middle + 16])
    turned_ = text.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    assert own[0] == min(strings_to_kmers([text, turned_]))
