"""Small samples, read batches written out by hand, and a network for tests of the correction."""

from dataclasses import replace

import numpy as np

from benchmarks.simulators import simulate
from benchmarks.simulators.aligned import random_sequence as random_sequence
from dbgclean.reads.batch import ReadBatch, encode_bases
from dbgclean.spectrum.whole import count_kmers

COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


def reverse_complement(text):
    """The other strand of a sequence of letters."""
    return text.translate(COMPLEMENT)[::-1]


def batch_of(reads, qualities=30, *, paired=False, first_read=0, names=None):
    """Reads given as strings; ``qualities`` is one Phred value, a list of arrays, or None."""
    bases = np.frombuffer("".join(reads).encode(), np.uint8).copy()
    offsets = np.concatenate([[0], np.cumsum([len(read) for read in reads])]).astype(np.int64)
    if qualities is not None and not isinstance(qualities, int):
        qualities = np.concatenate([np.asarray(q, np.uint8) for q in qualities])
    elif qualities is not None:
        qualities = np.full(len(bases), qualities, np.uint8)
    return ReadBatch(
        bases=bases,
        codes=encode_bases(bases),
        quals=qualities,
        offsets=offsets,
        names=names or [f"r{i}" for i in range(len(reads))],
        first_read=first_read,
        paired=paired,
    )


def strings_of(batch):
    """The reads of a batch as strings."""
    text = batch.bases.tobytes().decode()
    return [text[a:b] for a, b in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


def turned(batch):
    """Every read as the other strand, with its qualities; order and names stay."""
    quals = batch.quals
    if quals is not None and len(batch):
        quals = np.concatenate([part[::-1] for part in np.split(quals, batch.offsets[1:-1])])
    reads = [reverse_complement(read) for read in strings_of(batch)]
    other = batch_of(reads, None, paired=batch.paired, first_read=batch.first_read)
    return replace(other, quals=quals, names=batch.names)


def clean_reads(genome, length=100, depth=40):
    """Error-free reads of a circular genome, evenly spread, every second one turned."""
    step = max(1, length // depth)
    around = genome + genome[:length]
    reads = [around[i : i + length] for i in range(0, len(genome), step)]
    return [reverse_complement(r) if i % 2 else r for i, r in enumerate(reads)]


def table_of(*batches, k=21):
    """k-mers of batches."""
    return count_kmers(batches, k)


def mixture(
    length=6000, depth=40, spacing=400, fractions=(0.5, 0.3), seed=5, read_length=100, insert=240,
    **more,
):  # fmt: skip
    """A simulated mixture: the reads, the genome, the allele sites."""
    genome = simulate.random_genome(length, seed=seed)
    sites = simulate.draw_sites(genome, spacing, fractions, seed) if spacing else None
    reads = simulate.simulate_reads(
        genome,
        depth=depth,
        read_length=read_length,
        insert_mean=insert,
        insert_sd=10,
        sites=sites,
        seed=seed,
        **more,
    )
    return reads, genome, sites


def turned_reads(reads):
    """Simulated reads as their other strands."""
    return replace(
        reads,
        codes=np.ascontiguousarray(3 - reads.codes[:, ::-1]),
        quals=np.ascontiguousarray(reads.quals[:, ::-1]),
    )
