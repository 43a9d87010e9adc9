"""What is wrong with a command line or its inputs is said before anything heavy is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

import dbgclean
from dbgclean.cli import find_verbs

EXAMPLE = Path(dbgclean.__file__).parent / "example"
R1, R2, BAM, FASTA = (
    str(EXAMPLE / name)
    for name in ("example_R1.fastq.gz", "example_R2.fastq.gz", "region.bam", "region.fa")
)
HEAVY = {"numba", "torch", "scipy", "networkx", "matplotlib"}

REFUSED = [
    # (command line, exit code, words)
    ("run -o out", 2, "no READS given"),
    (f"run {R1} -o full", 1, "not empty"),
    (f"run {R1} -o a.fq", 1, "a file, not a folder"),
    ("run no.fq -o out", 1, "no.fq: no such file"),
    (f"run {R1} -o out --truth no.fa", 1, "no.fa: no such file"),
    (f"run {R1} -o out --corrector best", 2, "no such corrector"),
    (f"run {R1} -o out --sample a/b", 2, "a slash"),
    (f"run {R1} -o out --model nowhere", 1, "nowhere: no such file"),
    ("run --kmers no.fa -o out", 1, "no.fa: no such file"),
    (f"correct {R1} {R2} -o {R1}", 2, "an input too"),
    (f"correct {R1} {R1} -o 1.fq", 1, "given twice"),
    ("correct empty.fq -o 1.fq", 1, "empty"),
    ("correct text.txt -o 1.fq", 1, "no format read here"),
    ("correct full -o 1.fq", 1, "a folder, not a file"),
    (f"correct {R1} -o 1.fq --protect no.vcf --reference {FASTA}", 1, "no.vcf: no such file"),
    ("count no.fq", 1, "no.fq: no such file"),
    (f"count {R1} -k 30", 2, "30 is even"),
    (f"count {R1} --log no/a.log", 1, "make that folder first"),
    (f"train {R1} -o full", 1, "not empty"),
    ("graph no.gfa", 1, "no.gfa: no such file"),
    ("compare no.gfa a.fq", 1, "no.gfa: no such file"),
    (f"inspect {BAM} -o out", 2, "no region given"),
    (f"inspect {BAM} -r nowhere -o out", 1, "no contig 'nowhere'"),
    (f"inspect {BAM} -r nowhere:5-9 --reference {FASTA} -o out", 1, "no contig 'nowhere'"),
    (f"inspect {BAM} -r chr:9-5 -o out", 2, "FROM may not be above TO"),
    (f"inspect {BAM} -r chr -o full", 1, "not empty"),
    (f"inspect {BAM} -r chr -o out --reference no.fa", 1, "no.fa: no such file"),
    (f"inspect {BAM} -r chr -o out --reference a.fq", 1, "not with '>'"),
    (f"inspect {BAM} -r chr -o out --corrector best", 2, "no such corrector"),
    ("inspect a.fq -r chr -o out", 1, "no BAM or CRAM"),
    ("report no", 1, "no: no such file"),
    (f"plan -o full correct {R1} -o 1.fq", 1, "not empty"),
    ("step no", 1, "no/plan.json: no such file"),
]


@pytest.mark.parametrize(("line", "code", "words"), REFUSED)
def test_a_refusal_loads_nothing_heavy(line, code, words, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine\n")
    (tmp_path / "a.fq").write_text("@r\nACGT\n+\nIIII\n")
    (tmp_path / "text.txt").write_text("no reads\n")
    (tmp_path / "empty.fq").touch()
    before = sorted(path.name for path in tmp_path.iterdir())
    program = (
        "import sys\n"
        "from dbgclean.__main__ import main\n"
        f"code = main({line.split()!r})\n"
        f"print(code, *sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(code)]
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_verbs_that_take_files_are_all_tried():
    tried = {line.split()[0] for line, *_ in REFUSED}
    assert tried >= set(find_verbs()) - {"info", "completion", "warm-up"}
