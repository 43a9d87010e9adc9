"""Real reads: what is left and what is lost, on the sets of ../shared/data.

Runs the whole pipeline (`dbgclean run -k 31`) on each set and prints, for the corrected
reads and for the k-mer set, true 31-mers lost and false ones left where the truth is
known; for the already-clean control, the share of bases changed.

    python -m benchmarks.accuracy.real [--sets phix tb10k ...] [-o FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.harness.command import Parser, need, record, save
from dbgclean.pipeline.full import full_run
from dbgclean.pipeline.passes import Options

# Name: read files below reads/ or human/, truth below genomes/ (None: unknown).
SETS = {
    "phix": (["reads/phix_R1.fastq.gz", "reads/phix_R2.fastq.gz"], "phix174_sample_truth.fa"),
    "tb10k": (["reads/tb10k_R1.fastq.gz", "reads/tb10k_R2.fastq.gz"], "tb10k_sample_truth.fa"),
    "ecoli_1K": (["reads/ecoli_1K_1.fq.gz", "reads/ecoli_1K_2.fq.gz"], "reference_1K.fa.gz"),
    "twist_MN908947": (
        ["reads/twist_MN908947_R1.fastq.gz", "reads/twist_MN908947_R2.fastq.gz"],
        "NC_045512.2.fasta",
    ),
    "twist_MT007544": (
        ["reads/twist_MT007544_R1.fastq.gz", "reads/twist_MT007544_R2.fastq.gz"],
        "twist_MT007544_truth.fa",
    ),
    "mtdna": (
        ["reads/mtdna_ERR2438055_R1.fastq.gz", "reads/mtdna_ERR2438055_R2.fastq.gz"],
        "mtdna_NC_012920_ref.fa",
    ),
    "NA12878_chr20": (["human/NA12878_chr20_10.00-10.05Mb.bam"], None),
    "NA12878_chr22": (["human/NA12878.chr22.tiny.bam"], None),
}


def one(args: argparse.Namespace, name: str, corrector: str) -> dict:
    """One set by one corrector."""
    files, truth = SETS[name]
    options = Options(corrector=corrector, threads=args.threads)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        report = full_run(
            [str(args.data / file) for file in files],
            str(Path(folder) / "out"),
            options,
            truth=str(args.data / "genomes" / truth) if truth else None,
            controls=False,
        )
        seconds = time.perf_counter() - begun
    done = report["corrections"]
    bases = sum(group["bases"] for group in report["inputs"])
    changed = done["bases_changed"] + done["bases_masked"] + done["bases_deleted"]
    result = {
        "seconds": round(seconds, 1),
        "changed_per_10k": round(1e4 * changed / bases, 3),
        **{key: done[key] for key in ("alternatives", "real", "undecided", "bases_changed")},
        **{key: done[key] for key in ("bases_masked", "bases_deleted", "bases_inserted")},
        "junctions": [report["ambiguity"][c]["junctions"] for c in ("raw", corrector)],
    }
    if truth:
        raw, own = report["ambiguity"]["raw"], report["ambiguity"][corrector]
        result["raw_false"] = raw["false_kmers_left"]
        result["reads"] = report["truth"]["reads"]
        result["kmer_set"] = {
            key: own[key] for key in ("true_kmers_lost", "false_kmers_left", "real_bubbles_closed")
        }
    return result


def main(argv: list[str] | None = None) -> int:
    """Run all sets by all correctors."""
    correctors = ["nearest", "likelihood", "autoencoder"]
    parser = Parser("accuracy.real", __doc__, correctors=correctors, threads=2, output=None)
    parser.several("--sets", SETS)
    args = parser.parse_args(argv)
    need(args.data)
    results: dict = {}
    for name in args.sets:
        for corrector in args.correctors:
            row = one(args, name, corrector)
            results.setdefault(name, {})[corrector] = row
            print(name, corrector, json.dumps(row), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GB")
    save(args.output, record(args, sets=results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
