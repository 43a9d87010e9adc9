"""Bad input, through the command line: one line that says what, where and what to do.

Exit code 1, or 2 for a wrong command line; no traceback; nothing under a final name and
nothing half-written beside it.
"""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest
from small_samples import random_sequence
from stderr_lines import said

from dbgclean.__main__ import main
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.model import Autoencoder, AutoencoderConfig, save_model

LENGTH = 100
COUNT = 400
# Judge by the likelihood: these tests are not about the network, but for those that say so.
PLAIN = ("--corrector", "likelihood")


def read(number):
    """A read of a genome of 1 kb that 400 reads cover 40 times."""
    genome = random_sequence(1000, seed=2) * 2
    start = number * 37 % 1000
    return genome[start : start + LENGTH]


def fastq(reads, mate="", names=None):
    names = names or [f"r{i}{mate}" for i in range(len(reads))]
    quality = "I"
    return "".join(
        f"@{name}\n{bases}\n+\n{quality * len(bases)}\n"
        for name, bases in zip(names, reads, strict=True)
    )


READS = [read(i) for i in range(COUNT)]
GOOD = fastq(READS)


@pytest.fixture
def good(tmp_path):
    """A file of reads that nothing is wrong with, in a folder of inputs."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "good.fq"
    path.write_text(GOOD)
    return path


@pytest.fixture(params=["run", "correct"])
def verb(request):
    return request.param


def assert_refused(argv, capfd, *words, code=1):
    """One line on stderr with these words, and this exit code."""
    assert main([str(a) for a in argv]) == code
    out, err = capfd.readouterr()
    assert out == ""
    lines = said(err)
    assert len(lines) == 1, err
    assert lines[0].startswith("dbgclean: error: ")
    for word in words:
        assert word in lines[0]
    if code == 1:
        where, _, remedy = lines[0].removeprefix("dbgclean: error: ").partition(": ")
        assert where
        assert "; " in remedy, "what to do stands behind a semicolon"
    return lines[0]


def refuse(verb, files, folder, capfd, *words, code=1, more=PLAIN):
    """Run a verb on files; nothing may come of it."""
    before = sorted(folder.rglob("*"))
    argv = [verb, *files, "-o", folder / ("out" if verb == "run" else "out.fq"), *more]
    line = assert_refused(argv, capfd, *words, code=code)
    assert sorted(folder.rglob("*")) == before, "something was left behind"
    return line


def test_the_good_file_is_good(good, verb, tmp_path):
    out = tmp_path / "out"
    assert main([verb, str(good), "-o", str(out), "-q", *PLAIN]) == 0
    assert out.exists()


def test_missing_file(verb, tmp_path, capfd):
    path = tmp_path / "none.fq"
    refuse(verb, [path], tmp_path, capfd, f"{path}: no such file; check the path")


def test_missing_mate(verb, good, tmp_path, capfd):
    refuse(verb, [good, tmp_path / "none.fq"], tmp_path, capfd, "none.fq: no such file")


def test_directory(verb, tmp_path, capfd):
    (tmp_path / "reads").mkdir()
    words = f"{tmp_path / 'reads'}: a folder, not a file; name the files in it"
    refuse(verb, [tmp_path / "reads"], tmp_path, capfd, words)


@pytest.mark.parametrize("name", ["a.fq", "a.fq.gz", "a.fa", "a.bam"])
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_file(verb, tmp_path, capfd, name, text):
    path = tmp_path / name
    raw = text.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "empty")


def test_file_of_no_bytes_named_gz(verb, tmp_path, capfd):
    path = tmp_path / "a.fq.gz"
    path.touch()
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "empty")


# Random bases, so that the compressed file is longer than what is read ahead.
LONG = fastq([random_sequence(150, seed=i) for i in range(3000)])


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_truncated_gz(verb, tmp_path, capfd, share):
    path = tmp_path / "a.fq.gz"
    whole = gzip.compress(LONG.encode())
    path.write_bytes(whole[: int(share * len(whole))])
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "truncated", "get a whole copy")


def test_damaged_gz(verb, tmp_path, capfd):
    path = tmp_path / "a.fq.gz"
    raw = bytearray(gzip.compress(LONG.encode()))
    raw[len(raw) // 2 : len(raw) // 2 + 50] = bytes(50)
    path.write_bytes(raw)
    refuse(verb, [path], tmp_path, capfd, f"{path}: ")


def test_gz_that_is_no_gz(verb, tmp_path, capfd):
    """Noise behind a gzip's first bytes."""
    path = tmp_path / "a.fq.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00" + np.random.default_rng(1).bytes(5000))
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "damaged")


def test_plain_text_named_gz_is_read_with_a_warning(verb, tmp_path, capfd):
    path = tmp_path / "a.fq.gz"
    path.write_text(GOOD)
    assert main([verb, str(path), "-o", str(tmp_path / "out"), "-q", *PLAIN]) == 0
    _, err = capfd.readouterr()
    warning, *doubts = said(err)
    assert warning == f"dbgclean: warning: {path}: not gzip, whatever its name says; read as it is"
    assert all(line.startswith("dbgclean: warning: doubtful: ") for line in doubts)


def test_short_quality_line(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(GOOD + f"@last\n{read(0)}\n+\n{'I' * 60}\n" + GOOD)
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "quality")


def test_record_cut_off(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(GOOD[:-150])
    refuse(verb, [path], tmp_path, capfd, f"{path}: ")


def test_binary_file(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_bytes(np.random.default_rng(3).bytes(20_000))
    refuse(verb, [path], tmp_path, capfd, f"{path}: ", "no format read here", "FASTQ")


def test_binary_behind_a_good_start(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_bytes(GOOD.encode() + bytes(range(256)) * 40)
    refuse(verb, [path], tmp_path, capfd, f"{path}: ")


def test_protein(verb, tmp_path, capfd):
    path = tmp_path / "a.fa"
    path.write_text(">p\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\n")
    refuse(verb, [path], tmp_path, capfd, f"{path}: record 1 (p)", "is no nucleotide")


@pytest.mark.parametrize("name", ["a.fq", "a.fastq", "reads.txt"])
def test_fasta_named_fastq_is_read(verb, tmp_path, name):
    """The content decides: a name that lies does no harm."""
    path = tmp_path / name
    path.write_text("".join(f">r{i}\n{r}\n" for i, r in enumerate(READS)))
    assert main([verb, str(path), "-o", str(tmp_path / "out"), "-q", *PLAIN]) == 0


def test_fasta_given_as_fastq(verb, tmp_path, capfd):
    """FASTQ that goes over into FASTA."""
    path = tmp_path / "a.fq"
    path.write_text(GOOD + "".join(f">r{i}\n{r}\n" for i, r in enumerate(READS)))
    refuse(verb, [path], tmp_path, capfd, f"{path}: ")


def pair(folder, one, two):
    paths = [folder / "a_1.fq", folder / "a_2.fq"]
    for path, text in zip(paths, (one, two), strict=True):
        path.write_text(text)
    return paths


def test_mates_out_of_step(verb, tmp_path, capfd):
    names = [f"r{i}" for i in range(COUNT)]
    swapped = [*names[:200], names[201], names[200], *names[202:]]
    paths = pair(tmp_path, fastq(READS, names=names), fastq(READS, names=swapped))
    words = ("record 201", "'r200' and 'r201' are not mates", "bring the pairs back in step")
    refuse(verb, paths, tmp_path, capfd, str(paths[1]), *words)


@pytest.mark.parametrize("shorter", [0, 1])
def test_unequal_mate_counts(verb, tmp_path, capfd, shorter):
    texts = [fastq(READS, "/1"), fastq(READS, "/2")]
    texts[shorter] = fastq(READS[:300], f"/{shorter + 1}")
    paths = pair(tmp_path, *texts)
    refuse(verb, paths, tmp_path, capfd, str(paths[shorter]))


def test_odd_number_interleaved(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(fastq([READS[0]] * 3, names=["r0/1", "r0/2", "r1/1"]))
    refuse(verb, [path], tmp_path, capfd, str(path), more=(*PLAIN, "--interleaved"))


def test_the_same_file_twice(verb, good, tmp_path, capfd):
    refuse(verb, [good, good], tmp_path, capfd, f"{good}: given twice")


def test_all_reads_shorter_than_k(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(fastq([r[:20] for r in READS]))
    words = f"{path}: all {COUNT} reads are shorter than k = "
    refuse(verb, [path], tmp_path, capfd, words, "longest 20 bases", "or a smaller -k")


def test_all_n(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(fastq(["N" * 100] * 50))
    refuse(verb, [path], tmp_path, capfd, f"{path}: all 50 reads hold nothing but N")


def test_an_n_in_every_kmer(verb, tmp_path, capfd):
    path = tmp_path / "a.fq"
    path.write_text(fastq([("ACGTACGTAC" + "N") * 9] * 50))
    refuse(verb, [path], tmp_path, capfd, f"{path}: no ", "-mer without N in 50 reads")


@pytest.mark.parametrize("option", ["-k", "--correction-k"])
@pytest.mark.parametrize("k", ["30", "12", "9", "129", "0", "-5", "x", "25.0", ""])
def test_impossible_k(verb, good, tmp_path, capfd, option, k):
    words = {"30": "30 is even", "12": "12 is even", "9": "out of range", "129": "out of range"}
    word = words.get(k, "")
    refuse(verb, [good], tmp_path, capfd, option, word, code=2, more=(*PLAIN, f"{option}={k}"))


def test_correction_k_above_k(good, tmp_path, capfd):
    more = (*PLAIN, "-k", "21", "--correction-k", "25")
    refuse("run", [good], tmp_path, capfd, "25 is above -k 21", code=2, more=more)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--min-quality", "94"), ("--min-quality", "-1"), ("-t", "-2"), ("--memory", "lots")],
)
def test_impossible_options(verb, good, tmp_path, capfd, option, value):
    more = (*PLAIN, f"{option}={value}")
    refuse(verb, [good], tmp_path, capfd, value, code=2, more=more)


def test_unknown_corrector(verb, good, tmp_path, capfd):
    words = ("--corrector magic: no such corrector is installed; choose one of", "likelihood")
    refuse(verb, [good], tmp_path, capfd, *words, code=2, more=("--corrector", "magic"))


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "-o", "x"],
        ["run", "--example", "a.fq", "-o", "x"],
        ["run", "a.fq"],
        ["run", "a.fq", "-o", "x", "--interleaved", "--single"],
        ["correct"],
        ["correct", "a", "b", "c", "-o", "x"],
        ["correct", "a", "-o", "x", "y", "z"],
    ],
    ids=" ".join,
)
def test_wrong_command_lines(argv, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(argv, capfd, code=2)
    assert list(tmp_path.iterdir()) == []


def bam(path, reads, sort="coordinate"):
    header = {"HD": {"VN": "1.6", "SO": sort}, "SQ": [{"SN": "g", "LN": 2000}]}
    with pysam.AlignmentFile(path, "wb", header=header) as file:
        for i, bases in enumerate(reads):
            record = pysam.AlignedSegment(file.header)
            record.query_name = f"r{i}"
            record.reference_id, record.reference_start = 0, i
            record.cigarstring = f"{len(bases)}M"
            record.query_sequence = bases
            record.query_qualities = [30] * len(bases)
            file.write(record)


def test_bam_without_an_index_is_read(verb, tmp_path):
    bam(tmp_path / "a.bam", READS)
    out = tmp_path / "out"
    assert main([verb, str(tmp_path / "a.bam"), "-o", str(out), "-q", *PLAIN]) == 0
    assert not list(tmp_path.glob("*.bai"))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_truncated_bam(verb, tmp_path, capfd, share):
    path = tmp_path / "a.bam"
    bam(path, [random_sequence(150, seed=i) for i in range(1500)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refuse(verb, [path], tmp_path, capfd, f"{path}: the BAM file is ", "get a whole copy")


def test_damaged_bam(verb, tmp_path, capfd):
    path = tmp_path / "a.bam"
    bam(path, [random_sequence(150, seed=i) for i in range(3000)])
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 200] = bytes(200)
    path.write_bytes(raw)
    refuse(verb, [path], tmp_path, capfd, f"{path}: ")


def test_bam_without_reads(verb, tmp_path, capfd):
    path = tmp_path / "a.bam"
    bam(path, [])
    refuse(verb, [path], tmp_path, capfd, f"{path}: holds no reads")


def test_sam_text(verb, tmp_path, capfd):
    path = tmp_path / "a.sam"
    path.write_text("@HD\tVN:1.6\nr\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\n")
    refuse(verb, [path], tmp_path, capfd, f"{path}: SAM text is not read; convert it")


def test_existing_output_folder(good, tmp_path, capfd):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    refuse("run", [good], tmp_path, capfd, f"{out}: the folder is not empty; use --force")
    assert (out / "precious.txt").read_text() == "mine"


def test_output_folder_is_a_file(good, tmp_path, capfd):
    (tmp_path / "out").write_text("mine")
    refuse("run", [good], tmp_path, capfd, f"{tmp_path / 'out'}: a file, not a folder")
    assert (tmp_path / "out").read_text() == "mine"


def test_output_is_a_folder(good, tmp_path, capfd):
    (tmp_path / "out.fq").mkdir()
    refuse("correct", [good], tmp_path, capfd, f"{tmp_path / 'out.fq'}: a folder; name a file")


def test_output_is_the_input(good, tmp_path, capfd):
    argv = ["correct", good, "-o", good, *PLAIN]
    assert_refused(argv, capfd, f"{good}: an input too; name another output file", code=2)
    assert good.read_text() == GOOD


def test_output_behind_a_file(good, tmp_path, capfd):
    """A file stands where a folder is needed: no one may write there, root neither."""
    out = good / "below" / "out"
    assert_refused(["run", good, "-o", out, *PLAIN], capfd, str(out), "Not a directory")
    assert_refused(["correct", good, "-o", out, *PLAIN], capfd, str(out), "Not a directory")
    assert good.read_text() == GOOD


def test_unwritable_output(verb, good, tmp_path, capfd):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    words = ("Permission denied", "write to a folder that is yours")
    assert_refused([verb, good, "-o", locked / "out", *PLAIN], capfd, *words)
    assert list(locked.iterdir()) == []


def test_output_in_proc(verb, good, capfd):
    """A place where not even root may make anything."""
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    assert_refused([verb, good, "-o", "/proc/out", *PLAIN], capfd, "/proc/out: cannot be written")


def test_unwritable_corrections_leave_no_reads(good, tmp_path, capfd):
    table = tmp_path / "no" / "table.tsv.gz"
    refuse("correct", [good], tmp_path, capfd, str(table), more=(*PLAIN, "--corrections", table))


def test_full_device(good, capfd):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    words = "/dev/full: cannot be written: No space left on device; free some space"
    assert_refused(["correct", good, "-o", "/dev/full", *PLAIN], capfd, words)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 kB; only root can make one."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield where
    subprocess.run(["umount", str(where)], check=True)


@pytest.mark.parametrize("size", [0, 100, 180])
def test_full_disk(verb, tmp_path, small_disk, capfd, size):
    """It runs full at different files of the output: kilobytes are taken beforehand."""
    path = tmp_path / "a.fq"
    path.write_text(fastq(READS * 6))
    (small_disk / "filler").write_bytes(bytes(1024 * size))
    words = ("cannot be written: No space left on device", "free some space")
    refuse(verb, [path], small_disk, capfd, str(small_disk), *words)


def test_tmp_that_is_not_there(verb, tmp_path):
    """Standard input is copied to --tmp first."""
    argv = [verb, "-", "-o", str(tmp_path / "out"), "--tmp", str(tmp_path / "no"), *PLAIN]
    done = subprocess.run(
        [sys.executable, "-m", "dbgclean", *argv],
        input=GOOD.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("dbgclean: error: stdin: cannot be copied to ")
    assert list(tmp_path.iterdir()) == []


def config(**changes):
    """The shipped network's shape, but for what is changed."""
    from dbgclean.model import read_card

    plain = read_card(PRETRAINED).config.to_dict()
    return AutoencoderConfig(**(plain | changes))


WRONG_MODELS = {
    "of another k": ({"positions": 21}, "positions 21, the evidence has positions 31"),
    "of another scheme": ({"scheme": "old-3"}, "scheme old-3, the evidence has scheme "),
    "of 0.3.0": (
        {"scheme": "pooled-2", "globals_": 44, "bound": 0.0},
        "scheme pooled-2, the evidence has scheme pooled-3",
    ),
    "of other channels": ({"channels": 45}, "channels 45"),
    "without thresholds": ({}, "gives no error_threshold and real_threshold"),
}


@pytest.mark.parametrize("case", WRONG_MODELS)
def test_weights_for_other_evidence(verb, good, tmp_path, capfd, case):
    changes, words = WRONG_MODELS[case]
    save_model(tmp_path / "model", Autoencoder(config(**changes)), {"name": "other"})
    more = ("--model", tmp_path / "model")
    refuse(verb, [good], tmp_path, capfd, str(tmp_path / "model"), words, more=more)


@pytest.mark.parametrize("lacking", ["config.toml", "weights.safetensors", "both"])
def test_missing_weights(verb, good, tmp_path, capfd, lacking):
    folder = tmp_path / "model"
    card = {"error_threshold": 0.2, "real_threshold": 0.3}
    save_model(folder, Autoencoder(config()), card)
    for name in ("config.toml", "weights.safetensors"):
        if lacking in (name, "both"):
            (folder / name).unlink()
    words = (str(folder), "cannot read", "No such file")
    refuse(verb, [good], tmp_path, capfd, *words, more=("--model", folder))


@pytest.mark.parametrize("name", ["config.toml", "weights.safetensors"])
def test_damaged_weights(verb, good, tmp_path, capfd, name):
    folder = tmp_path / "model"
    save_model(folder, Autoencoder(config()), {"error_threshold": 0.2, "real_threshold": 0.3})
    (folder / name).write_bytes(b"\x00\xff not what it was")
    refuse(verb, [good], tmp_path, capfd, str(folder / name), "damaged", more=("--model", folder))


def truth_files(folder):
    """Files that are no truth, and a word of what is said of each."""
    (folder / "folder").mkdir()
    (folder / "empty.fa").touch()
    (folder / "n.fa").write_text(">n\nNNNN\n")
    (folder / "text.fa").write_text("dear reader\n")
    (folder / "binary.fa").write_bytes(np.random.default_rng(5).bytes(3000))
    whole = gzip.compress(LONG.encode())
    (folder / "cut.fa.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.fa.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(range(200)))


@pytest.mark.parametrize(
    "name",
    ["none.fa", "folder", "empty.fa", "n.fa", "text.fa", "binary.fa", "cut.fa.gz", "noise.fa.gz"],
)
def test_bad_truth(good, tmp_path, capfd, name):
    truth_files(tmp_path)
    more = (*PLAIN, "--truth", tmp_path / name)
    refuse("run", [good], tmp_path, capfd, str(tmp_path / name), more=more)
