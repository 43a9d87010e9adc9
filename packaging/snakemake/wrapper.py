__author__ = "The dbgclean authors"
__license__ = "MIT"

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from snakemake.shell import shell

# What may stand under `output`, beside the reads, and what `run` calls it.
OUTPUTS = {
    "kmers": "kmers.fa.gz",
    "corrections": "corrections.tsv.gz",
    "raw_gfa": "raw.gfa",
    "gfa": "clean.gfa",
    "unitigs": "unitigs.fa",
    "html": "report.html",
    "json": "report.json",
}

extra = snakemake.params.get("extra", "")
log = snakemake.log_fmt_shell(stdout=True, stderr=True)

reads = snakemake.input.reads
reads = [reads] if isinstance(reads, str) else list(reads)
corrected = snakemake.output.get("reads", [])
corrected = [corrected] if isinstance(corrected, str) else list(corrected)
assert len(reads) in (1, 2), "input.reads: one file, or the two of a pair"
assert len(corrected) in (0, len(reads)), "output.reads: as many files as input.reads, or none"
layout = "--paired" if len(reads) == 2 else "--single"

with TemporaryDirectory() as folder:
    shell(
        "dbgclean run {reads:q} {layout} --output {folder}/out --tmp {folder}"
        " --threads {snakemake.threads} {extra} {log}"
    )
    # Corrected reads have the names of what came in.
    for name, target in zip(reads, corrected, strict=False):
        shutil.move(f"{folder}/out/reads/{Path(name).name}", target)
    for key, name in OUTPUTS.items():
        if target := snakemake.output.get(key):
            shutil.move(f"{folder}/out/{name}", target)
