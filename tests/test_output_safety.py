"""The user's own files survive: no output over an input or over another, and none deleted."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from benchmarks.simulators.aligned import CONTIG, reference_sequence, write_bam, write_fasta
from dbgclean import _folder
from dbgclean.__main__ import main
from dbgclean._files import refuse_overwriting
from dbgclean._folder import OutputFolder
from dbgclean.correct.correctors import PRETRAINED
from dbgclean.errors import OutputError, UsageError

RUN = ["--no-controls", "--corrector", "nearest", "-k", "21", "-t", "1"]
REPORT = "report.json"


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """A small sample's reads, as bytes of one FASTQ file."""
    folder = tmp_path_factory.mktemp("reads")
    found, _, _ = mixture(length=1500, depth=20, spacing=None, seed=21)
    simulate.write_fastq(found, folder / "all.fq")
    return (folder / "all.fq").read_bytes()


@pytest.fixture
def home(reads, tmp_path, monkeypatch):
    """A folder with a.fq and g.gfa in it, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fq").write_bytes(reads)
    (tmp_path / "g.gfa").write_text("H\tVN:Z:1.0\nS\t1\tACGTTGCAACGT\n")
    (tmp_path / "t.fa").write_text(">t\n" + "ACGTTGCA" * 10 + "\n")
    return tmp_path


def everything(folder):
    """What every file below a folder holds, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(argv, home, capfd):
    """Run a command that must be refused with 2 in one line and change nothing."""
    before = everything(home)
    assert main([*argv, "-q"]) == 2
    assert everything(home) == before
    said = capfd.readouterr().err
    assert said.startswith("dbgclean: error: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    "argv",
    [
        "correct a.fq -o a.fq",
        "correct a.fq -o b.fq --corrections a.fq",
        "correct a.fq -o ./sub/../a.fq",
        "correct a.fq -o link.fq",
        "correct a.fq -o hard.fq",
        "correct a.fq -o b.fq --corrections t.fa --protect p.bed --reference t.fa",
        "correct a.fq -o p.bed --protect p.bed --reference t.fa",
        "correct a.fq -o model/config.toml --model model",
        "count a.fq -o a.fq",
        "count a.fq -o k.fa --json a.fq",
        "count a.fq -o k.fa --histogram a.fq",
        "graph g.gfa -o g.gfa",
        "graph g.gfa -o x.gfa --json g.gfa",
        "graph g.gfa -o x.gfa --unitigs g.gfa",
        "graph g.gfa -o x.gfa --bubbles g.gfa",
        "compare a.fq g.gfa --json g.gfa",
        "compare a.fq g.gfa --json hard.fq",
    ],
)
def test_no_output_may_be_an_input(argv, home, capfd):
    (home / "sub").mkdir()
    (home / "model").mkdir()
    (home / "model" / "config.toml").write_text("mine")
    (home / "link.fq").symlink_to("a.fq")
    (home / "hard.fq").hardlink_to("a.fq")
    (home / "p.bed").write_text("t\t0\t5\n")
    assert "an input too; name another output file" in refused(argv.split(), home, capfd)


@pytest.mark.parametrize(
    "argv",
    [
        "correct a.fq -o x --corrections x",
        "correct a.fq -o x --corrections ./x",
        "correct a.fq b.fq -o x x",
        "correct a.fq -o - --corrections -",
        "count a.fq -o x --json x",
        "count a.fq -o x --histogram to_x",
        "count a.fq -o k --json x --histogram sub/../x",
        "count a.fq --json -",
        "graph g.gfa -o x --json x",
        "graph g.gfa --unitigs x --bubbles to_x",
    ],
)
def test_no_output_may_be_named_twice(argv, home, capfd):
    (home / "sub").mkdir()
    (home / "to_x").symlink_to("x")
    assert "named for two outputs; name another file for one" in refused(argv.split(), home, capfd)


def test_devices_may_be_named_twice(home):
    assert main("count a.fq -k 21 -o /dev/null --json /dev/null -q".split()) == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(
    ("redirected", "argv"),
    [(">> a.fq", "count a.fq -k 21"), ("< a.fq", "correct - -o a.fq")],
)
def test_standard_streams_are_known_by_their_file(redirected, argv, home):
    before = everything(home)
    command = f"exec {sys.executable} -m dbgclean {argv} -q {redirected}"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "an input too" in done.stderr
    assert everything(home) == before


def test_json_on_standard_output_is_no_file_of_that_name(home, capfd):
    assert main("count a.fq -k 21 -o k.fa --json - -q".split()) == 0
    assert '"tag": "dbgclean count"' in capfd.readouterr().out
    assert not (home / "-").exists()


@pytest.mark.parametrize("link", [None, "soft", "hard"])
def test_a_run_does_not_replace_its_reads(link, home, capfd):
    """`run d/reads/a.fq -o d --force`, by its own name and by another one."""
    (home / "d" / "reads").mkdir(parents=True)
    place = home / "d" / "reads" / "a.fq"
    if link == "soft":
        place.symlink_to(home / "a.fq")
    elif link == "hard":
        place.hardlink_to(home / "a.fq")
    else:
        (home / "a.fq").rename(place)
    given = "d/reads/a.fq" if link is None else "a.fq"
    said = refused(["run", given, "-o", "d", "--force", *RUN], home, capfd)
    assert "d/reads/a.fq: an input too; name another output folder" in said


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ("run a.fq --truth d/unitigs.fa", "unitigs.fa"),
        ("run --kmers d/kmers.fa.gz", "kmers.fa.gz"),
        ("train a.fq --model d", "config.toml"),
    ],
)
def test_other_inputs_are_not_replaced_either(argv, name, home, capfd):
    (home / "d").mkdir()
    if name == "config.toml":
        for path in PRETRAINED.iterdir():
            (home / "d" / path.name).write_bytes(path.read_bytes())
    else:
        (home / "d" / name).write_text(">3\n" + "ACGTTGCAACGTAACCGTTGA"[:21] + "\n")
    more = RUN if argv.startswith("run a") else []
    said = refused([*argv.split(), "-o", "d", "--force", *more], home, capfd)
    assert f"d/{name}: an input too" in said


def test_inspect_does_not_replace_its_inputs(home, capfd):
    sequence = reference_sequence(600)
    write_fasta(home / "ref.fa", sequence)
    write_bam(home / "x.bam", sequence, [], seed=3)
    (home / "d").mkdir()
    (home / "d" / "alleles.tsv.gz").write_text(f"{CONTIG}\t100\t400\n")
    argv = "inspect x.bam --bed d/alleles.tsv.gz -o d --force --corrector likelihood".split()
    assert "d/alleles.tsv.gz: an input too" in refused(argv, home, capfd)


def test_force_deletes_nothing_of_the_users(home):
    """`run a.fq -o e --force` where e/reads holds mine.fq and notes.txt."""
    (home / "e" / "reads").mkdir(parents=True)
    (home / "e" / "plots" / "deep").mkdir(parents=True)
    own = ["e/reads/mine.fq", "e/reads/notes.txt", "e/plots/deep/x", "e/notes", "e/.hidden"]
    for name in own:
        (home / name).write_text(name)
    (home / "e" / REPORT).write_text("old")
    assert main(["run", "a.fq", "-o", "e", "--force", "-q", *RUN]) == 0
    for name in own:
        assert (home / name).read_text() == name
    first = everything(home / "e")
    assert first[REPORT] != b"old"
    assert "reads/a.fq" in first
    # Once more over its own files: the same, and nothing of the work is left.
    assert main(["run", "a.fq", "-o", "e", "--force", "-q", *RUN]) == 0
    assert everything(home / "e") == first
    assert not [name for name in first if name.startswith(".dbgclean")]


@pytest.mark.parametrize("name", [REPORT, "reads", "reads/a.fq", "plots"])
def test_what_is_in_the_way_is_told_and_stays(name, home, capfd):
    place = home / "d" / name
    if name in ("reads", "plots"):
        place.parent.mkdir()
        place.write_text("mine")
    else:
        place.mkdir(parents=True)
        (place / "mine").write_text("mine")
    before = everything(home)
    assert main(["run", "a.fq", "-o", "d", "--force", "-q", *RUN]) == 1
    assert everything(home) == before
    assert f"d/{name}: a " in (said := capfd.readouterr().err)
    assert "in the way" in said


def test_identity_is_of_the_file_and_not_of_its_name(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.hardlink_to(one)
    with pytest.raises(UsageError, match="an input too"):
        refuse_overwriting([two], [None, one])
    with pytest.raises(UsageError, match="two outputs"):
        refuse_overwriting([two, None, one], [])
    # What is not there yet is told by where it would be made.
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="two outputs"):
        refuse_overwriting([tmp_path / "new", tmp_path / "folder" / "new"], [])
    refuse_overwriting([tmp_path / "new", tmp_path / "other"], [one, two, tmp_path / "missing"])


NEW = {"a": "new", REPORT: "new", "reads/x.fq": "new", "sub/deep/y": "new", "z": "new"}
OLD = {"a": "old", REPORT: "old", "reads/x.fq": "old", "reads/mine": "mine", "z": "old"}


def filled(folder):
    for name, text in OLD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def texts(folder):
    return {name: data.decode() for name, data in everything(folder).items()}


def replace_all(path):
    with OutputFolder(path, force=True) as folder:
        for name, text in NEW.items():
            folder.path(name).write_text(text)
        folder.commit()


# Four files are moved aside, five in.
@pytest.mark.parametrize("stop", range(9))
def test_a_commit_that_fails_leaves_what_was_there(stop, tmp_path, monkeypatch):
    filled(tmp_path)
    moves = []
    rename = os.rename

    def failing(source, target):
        moves.append(source)
        if len(moves) == stop + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(_folder.os, "rename", failing)
    with pytest.raises(OutputError, match="No space left"):
        replace_all(tmp_path)
    assert texts(tmp_path) == OLD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "reads", REPORT, "z"]


@pytest.mark.parametrize("stop", range(9))
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_a_commit(stop, which, tmp_path, monkeypatch):
    filled(tmp_path)
    moves = []
    rename = os.rename

    def interrupted(source, target):
        rename(source, target)
        moves.append(source)
        if len(moves) == stop + 1:
            signal.raise_signal(which)

    def terminate(number, frame):
        raise SystemExit(128 + number)

    older = signal.signal(signal.SIGTERM, terminate)
    # A job in the background of a shell begins with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(_folder.os, "rename", interrupted)
    expected = KeyboardInterrupt if which == signal.SIGINT else SystemExit
    try:
        with pytest.raises(expected):
            replace_all(tmp_path)
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGTERM, older)
        signal.signal(signal.SIGINT, before)
    assert texts(tmp_path) == OLD | NEW


def test_a_folder_killed_in_between_has_no_report(tmp_path, monkeypatch):
    filled(tmp_path)
    seen = []
    rename = os.rename

    def watched(source, target):
        rename(source, target)
        seen.append((tmp_path / REPORT).exists())

    monkeypatch.setattr(_folder.os, "rename", watched)
    replace_all(tmp_path)
    assert seen == [False] * 8 + [True]


def test_two_runs_into_one_folder(tmp_path):
    """One that is there is locked; one that both would make is the first one's."""
    with OutputFolder(tmp_path, force=True), pytest.raises(OutputError, match="another run writes"):
        OutputFolder(tmp_path, force=True)
    with OutputFolder(tmp_path, force=True) as folder:
        folder.path("a").write_text("again")
        folder.commit()
    late = tmp_path / "late"
    with OutputFolder(late) as second, OutputFolder(late) as first:
        for one, text in ((first, "first"), (second, "second")):
            one.path("a").write_text(text)
        first.commit()
        with pytest.raises(OutputError, match="made by another run meanwhile"):
            second.commit()
    assert texts(tmp_path) == {"a": "again", "late/a": "first"}


def test_links_within_a_forced_folder(tmp_path):
    """A link of a file's name is replaced, not what it leads to; one to a folder is followed."""
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (other / "mine").write_text("mine")
    (out / "a").symlink_to(other / "mine")
    (out / "reads").symlink_to(other)
    replace_all(out)
    assert (other / "mine").read_text() == "mine"
    assert (out / "reads").is_symlink()
    assert (other / "x.fq").read_text() == "new"
    assert (out / "a").read_text() == "new"


def test_a_commit_in_another_thread(tmp_path):
    """Only the main thread may hold signals; the others commit all the same."""
    filled(tmp_path)
    worker = threading.Thread(target=replace_all, args=(tmp_path,))
    worker.start()
    worker.join()
    assert texts(tmp_path) == OLD | NEW


@pytest.mark.parametrize(
    "argv",
    [
        "count a.fq -o k.fa.zst --histogram h.tsv --histo /dev/full",
        "count a.fq -o k.fa --histo h --multiqc . --json /dev/full",
        "correct a.fq -o b.fq --corrections c.tsv.gz --changes d.tsv --json /dev/full",
        "correct a.fq -o b.bam --corrections c.tsv.gz --changes /dev/full",
        "correct a.fq -o /dev/full --bam --changes d.tsv --unplaced u.bam",
        "correct a.fq -o /dev/full --changes d.tsv --unplaced u.fq",
        "graph a.fq -o g2.gfa --unitigs u.fa --json /dev/full",
    ],
)
def test_of_several_files_all_appear_or_none_and_the_full_one_is_named(argv, home, capfd):
    before = everything(home)
    words = [*argv.split(), "-k", "21", "-t", "1", "-q"]
    words += ["--corrector", "nearest"] if words[0] == "correct" else []
    assert main(words) == 1
    assert everything(home) == before
    said = capfd.readouterr().err
    assert said.startswith("dbgclean: error: /dev/full: cannot be written: No space left")


def test_a_doubtful_result_is_written_whole(home):
    argv = "correct a.fq -o b.fq --json j.json --fail-on doubtful --corrector none -q -k 31"
    (home / "a.fq").write_bytes(b"".join((home / "a.fq").read_bytes().splitlines(True)[:80]))
    assert main(argv.split()) == 1
    assert {"b.fq", "j.json"} <= set(everything(home))
