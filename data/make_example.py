"""Make the example that ships with the package: small, seeded, every base known.

    python data/make_example.py [-o dbgclean/example]

Three molecules share a 20 kb genome with repeats:

* A and B, the two haplotypes of a diploid (45 % of the reads each): 16 SNVs, four of them
  in two pairs so close that each pair stands in one bubble, and a deletion of 3 bases in B;
* C, a minority (10 % of the reads): A with 4 further SNVs, so each of them is a 10 % allele.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    # Run as a script, only data/ is on the path; the simulators are its neighbours.
    sys.path.insert(0, str(ROOT))

from benchmarks.simulators import aligned, simulate  # noqa: E402

SEED = 20
GENOME_LENGTH = 20_000
# An exact repeat, longer than an insert and so out of any read pair's reach, and a family
# of diverged copies.
REPEATS = [(600, 2, 0.0), (300, 4, 0.05)]
HETEROZYGOUS = [*range(900, 19_000, 1300), 6112, 15_222]
DELETION = slice(11_850, 11_853)
MINORITY = [2600, 7777, 12_400, 16_900]
SHARES = (0.45, 0.45, 0.10)
DEPTH = 80


def substitute(genome: np.ndarray, positions: Sequence[int], step: int) -> np.ndarray:
    """Copy ``genome`` with each base in ``positions`` moved on by ``step`` codes."""
    changed = genome.copy()
    changed[list(positions)] = (changed[list(positions)] + step) & 3
    return changed


def haplotypes() -> list[tuple[str, np.ndarray]]:
    """Names and 2-bit codes of A, B and C."""
    first = simulate.random_genome(GENOME_LENGTH, SEED, gc=0.46, repeats=REPEATS)
    second = np.delete(substitute(first, HETEROZYGOUS, 2), DELETION)
    return [("A", first), ("B", second), ("C", substitute(first, MINORITY, 1))]


def make_example(folder: Path) -> list[Path]:
    """Write the reads and the truth into ``folder``; return the files' paths."""
    molecules = haplotypes()
    reads = simulate.simulate_reads(
        None,
        haplotypes=[(codes, share) for (_, codes), share in zip(molecules, SHARES, strict=True)],
        depth=DEPTH,
        read_length=150,
        insert_mean=350,
        insert_sd=40,
        profile=simulate.QualityProfile(rate=0.004, binned=True),
        seed=SEED,
    )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"example_{name}" for name in ("R1.fastq.gz", "R2.fastq.gz", "truth.fa")]
    simulate.write_fastq(reads, paths[0], paths[1], prefix="example.", level=9)
    named = [
        (f"{name} share={share:.2f} length={len(codes)}", codes)
        for (name, codes), share in zip(molecules, SHARES, strict=True)
    ]
    simulate.write_fasta(paths[2], named)
    return paths


def make_region(folder: Path) -> None:
    """Write an aligned sample and its reference: what `warm-up` compiles `inspect` with."""
    bases = aligned.reference_sequence(1500)
    alleles = [
        *(aligned.snv(bases, *one) for one in ((300, 0.5), (310, 0.5), (1200, 0.2), (1210, 0.05))),
        aligned.deletion(bases, 600, 3, 0.5),
        aligned.insertion(bases, 900, "AC", 0.3),
    ]
    aligned.write_fasta(folder / "region.fa", bases)
    aligned.write_bam(folder / "region.bam", bases, alleles, depth=50, seed=3)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the example from the command line."""
    parser = argparse.ArgumentParser(description="Make the example that ships with dbgclean.")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dbgclean" / "example")
    folder = parser.parse_args(argv).output
    for path in make_example(folder):
        print(f"{path}: {path.stat().st_size:,} bytes")
    make_region(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
