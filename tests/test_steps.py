"""A run in steps: what it writes is what one process writes, whoever did which step, and when."""

import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from stderr_lines import said

import dbgclean
from dbgclean.__main__ import main
from dbgclean._store import load, save
from dbgclean.errors import InputError, UsageError
from dbgclean.evidence.edits import Edits
from dbgclean.pipeline.plan import Piece, Plan, _block_bases, _bounds
from dbgclean.reads import plan_inputs
from dbgclean.reads.reading import iter_batches
from dbgclean.spectrum.counting import KmerCounter
from dbgclean.spectrum.read_depths import ReadSample

EXAMPLE = Path(dbgclean.__file__).parent / "example"
PAIR = [str(EXAMPLE / f"example_R{mate}.fastq.gz") for mate in (1, 2)]
OUTPUTS = ("1.fq", "2.fq.gz", "c.tsv.gz", "changes.tsv", "figures.json")


def correct(folder):
    """A command line with outputs of all kinds in a folder."""
    first, second, corrections, changes, figures = (str(folder / name) for name in OUTPUTS)
    return [
        "correct", *PAIR, "-o", first, second, "--corrections", corrections, "--changes", changes,
        "--json", figures, "-t", "2", "-q",
    ]  # fmt: skip


def content(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    assert main(correct(folder)) == 0
    return content(folder)


def printed(capfd, *argv):
    assert main([str(each) for each in argv]) == 0
    out = capfd.readouterr().out
    return out.rstrip("\n")


def steps_of(capfd, plan, said, *, order=1):
    """Do all steps, each pass backwards or forwards; the passes that there were."""
    passes = []
    while said != "done":
        name, steps = said.split()
        passes.append(name)
        for number in range(int(steps))[::order]:
            assert main(["step", str(plan), name, str(number), "-q"]) == 0
        said = printed(capfd, "step", plan)
    return passes


@pytest.mark.parametrize(("blocks", "order"), [(1, 1), (5, -1)])
def test_a_plan_step_by_step(tmp_path, capfd, expected, blocks, order):
    plan = tmp_path / "plan"
    first = printed(capfd, "plan", "-o", plan, "--blocks", blocks, *correct(tmp_path))
    assert first == f"count {blocks}"
    assert not (tmp_path / "1.fq").exists()
    passes = steps_of(capfd, plan, first, order=order)
    assert passes == ["count", "count-merge-25", "thread", "compare"]
    assert content(tmp_path) == expected


def test_a_step_may_be_done_twice_and_files_may_be_lost(tmp_path, capfd, expected):
    plan = tmp_path / "plan"
    said = printed(capfd, "plan", "-o", plan, "--blocks", 3, *correct(tmp_path))
    main(["step", str(plan), "count", "1", "-q"])
    path = Plan.open(plan).path("count", 1)
    was = path.read_bytes()
    main(["step", str(plan), "count", "1", "-q"])
    path.unlink()
    main(["step", str(plan), "count", "1", "-q"])
    assert path.read_bytes() == was
    steps_of(capfd, plan, said)
    assert content(tmp_path) == expected


def test_what_is_refused(tmp_path, capfd):
    plan = tmp_path / "plan"

    def refused(*argv, code=1):
        assert main([str(each) for each in argv]) == code
        return said(capfd.readouterr().err)[-1]

    assert "no such file" in refused("step", plan)
    assert "has to be one of correct and run" in refused("plan", "-o", plan, "count", code=2)
    assert "has to be one of" in refused("plan", "-o", plan, code=2)
    reads = [str(tmp_path / f"{mate}.fq") for mate in (1, 2)]
    for name in reads:
        Path(name).write_text("@r\n" + 40 * "ACGTT" + "\n+\n" + 200 * "I" + "\n")
    main(["plan", "-o", str(plan), "--blocks", "2", "correct", *reads, "-o", "a", "b"])
    assert "not empty; name a new one" in refused(
        "plan", "-o", plan, "correct", *reads, "-o", "a", "b"
    )
    assert "no step 2 of count; they go from 0 to 1" in refused("step", plan, "count", 2, code=2)
    assert "no pass 'thread' is asked for now" in refused("step", plan, "thread", 0, code=2)
    assert "which of its steps" in refused("step", plan, "count", code=2)
    main(["step", str(plan), "count", "0"])
    Plan.open(plan).path("count", 1).write_bytes(b"dbgclean store 1\nwhatever")
    assert "cut short" in refused("step", plan)
    Path(reads[0]).write_text("@r\n" + 40 * "ACGTA" + "\n+\n" + 200 * "I" + "\n")
    assert "not as it was when" in refused("step", plan)
    text = (plan / "plan.json").read_text()
    (plan / "plan.json").write_text(text.replace(dbgclean.__version__, "0.0.1"))
    assert "made by dbgclean 0.0.1" in refused("step", plan)
    (plan / "plan.json").write_text("[")
    assert "not a plan" in refused("step", plan)


@pytest.mark.parametrize("argv", ["--workers 2", "--cluster local --resume", "--cluster slurm"])
def test_options_that_belong_together(argv, capfd):
    assert main(["correct", PAIR[0], "-o", "x.fq", *argv.split()]) == 2
    assert "argument --" in capfd.readouterr().err


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def start(folder, *more):
    command = [sys.executable, "-m", "dbgclean", *correct(folder), *map(str, more)]
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)


def workers_of(process):
    """What the fork server has forked: processes of processes."""
    import psutil

    own = psutil.Process(process.pid)
    return [child for child in own.children(recursive=True) if child.ppid() != process.pid]


def until(ready, process, seconds=120):
    """Wait for something that happens while a process runs."""
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_worker_that_is_killed(tmp_path, expected):
    """Three workers, one of them killed as soon as there are results: the same bytes."""
    pytest.importorskip("distributed")
    steps = tmp_path / "steps"
    process = start(tmp_path, "--cluster", "local", "--workers", 3, "--blocks", 7, "--steps", steps)
    until(lambda: (steps / "count" / "task").exists() and workers_of(process), process)
    workers_of(process)[0].kill()
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert content(tmp_path) == expected


def test_a_run_that_is_killed_goes_on(tmp_path, expected):
    """Everything is killed in the second pass; what was done then is not done again."""
    pytest.importorskip("distributed")
    steps = tmp_path / "steps"
    cluster = ("--cluster", "local", "--workers", 2, "--blocks", 4, "--steps", steps)
    process = start(tmp_path, *cluster)
    until(lambda: (steps / "thread" / "task").exists(), process)
    everything = [process, *workers_of(process)]
    for one in everything:
        one.kill()
    process.communicate()
    assert not (tmp_path / "1.fq").exists()
    done = {path: path.stat().st_mtime_ns for path in steps.rglob("0*")}
    assert sum(path.parent.name == "count" for path in done) == 4
    process = start(tmp_path, *cluster)
    assert "not empty; give --resume" in process.communicate()[1]
    process = start(tmp_path, *cluster, "--resume")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert content(tmp_path) == expected
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_run_by_workers(tmp_path):
    """Graphs, report and all: every file is the same."""
    pytest.importorskip("distributed")
    words = ["run", *PAIR, "-q", "-k", "25", "--no-controls", "-t", "1", "-o"]
    assert main([*words, str(tmp_path / "one")]) == 0
    command = [sys.executable, "-m", "dbgclean", *words, str(tmp_path / "many")]
    more = ["--cluster", "local", "--workers", "2", "--blocks", "3"]
    subprocess.run([*command, *more], env=environment(), check=True)
    files = {p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_blocks_are_about_equal_and_leave_nothing_out():
    rng = np.random.default_rng(5)
    for blocks in (1, 2, 7, 64):
        for n in (0, 1, 5, 300):
            pieces = [Piece(0, 0, 1, int(bases)) for bases in rng.integers(1, 1000, n)]
            bounds = _bounds(pieces, blocks)
            assert len(bounds) == blocks + 1
            assert (bounds[0], bounds[-1]) == (0, n)
            assert bounds == sorted(bounds)
            if n == 300 and blocks < 64:
                sizes = [sum(p.bases for p in pieces[a:b]) for a, b in pairwise(bounds)]
                assert max(sizes) < 1.5 * sum(sizes) / blocks


def test_counters_and_samples_are_joined(tmp_path):
    """Of parts, through files, as of all batches at once."""
    (group,) = plan_inputs(PAIR)
    batches = list(iter_batches(group, batch_bases=100_000))
    whole, sample = KmerCounter(25), ReadSample()
    joined, first = None, 0
    for number, batch in enumerate(batches):
        whole.add(batch)
        sample.add(batch)
        part, own = KmerCounter(25), ReadSample(first=first)
        part.add(batch)
        own.add(batch)
        first += len(batch)
        save(tmp_path / str(number), (part, own))
        read = load(tmp_path / str(number), check=True)
        if joined is None:
            joined = read
            continue
        for mine, theirs in zip(joined, read, strict=True):
            mine += theirs
    one, two = whole.finish(), joined[0].finish()
    for name in ("keys", "counts", "reverse", "high_quality"):
        assert (getattr(one, name) == getattr(two, name)).all()
    assert vars(joined[0].tally)["total"] == whole.tally.total
    assert (sample.kmers(25) == joined[1].kmers(25)).all()


def test_a_stored_object_comes_back_and_runs_no_code(tmp_path):
    path = tmp_path / "file"
    edits = Edits.empty(3)
    edits.key[:] = [1, 2, 2**62]
    save(path, {"edits": edits, "none": np.zeros((0, 4), np.int32), "n": np.int64(7)})
    found = load(path, check=True)
    assert (found["edits"].key == edits.key).all()
    assert found["none"].shape == (0, 4)
    found["edits"].key[0] = 9  # a copy of one's own: kernels take arrays that can be written
    assert load(path)["edits"].key[0] == 1
    data = bytearray(path.read_bytes())
    for cut in (0, 10, len(data) // 2, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:cut])
        with pytest.raises(InputError, match="do its step again"):
            load(tmp_path / "cut")
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="not what"):
        load(path, check=True)
    save(path, os.getcwd)
    with pytest.raises(InputError, match="getcwd"):
        load(path)


def test_a_plan_of_other_options_is_not_gone_on_with(tmp_path, capfd):
    plan = tmp_path / "plan"
    printed(capfd, "plan", "-o", plan, "--blocks", 2, *correct(tmp_path))
    with pytest.raises(UsageError, match="steps of another command"):
        Plan.open(plan).check("dbgclean correct --seed 2")


def test_a_changed_count_is_found_by_a_step_that_merges(tmp_path, capfd):
    """The coordinator maps what was counted and reads none of it; steps check every file."""
    plan = tmp_path / "plan"
    printed(capfd, "plan", "-o", plan, "--blocks", 3, *correct(tmp_path))
    for number in range(3):
        main(["step", str(plan), "count", str(number), "-q"])
    path = Plan.open(plan).path("count", 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    merging, steps = printed(capfd, "step", plan).split()
    codes = [main(["step", str(plan), merging, str(number), "-q"]) for number in range(int(steps))]
    assert codes == [0, 1, 0]
    assert "count/000001: not what" in said(capfd.readouterr().err)[-1]


def test_the_proposed_k_is_counted_for_once(tmp_path, capfd, monkeypatch):
    """Every step of a plan with -k auto begins the run anew, but not that count."""
    from dbgclean.pipeline import counting

    asked = []
    propose = counting.propose_k
    monkeypatch.setattr(counting, "propose_k", lambda *a: asked.append(1) or propose(*a))
    words = ["run", *PAIR, "-q", "-k", "auto", "--no-controls", "-o", str(tmp_path / "out")]
    said = printed(capfd, "plan", "-o", tmp_path / "plan", "--blocks", 2, *words)
    steps_of(capfd, tmp_path / "plan", said)
    assert (tmp_path / "out" / "report.json").exists()
    assert len(asked) == 1


@pytest.mark.parametrize("sizes_of_k", [1, 2])
def test_blocks_are_as_large_as_a_worker_has_memory_for(sizes_of_k):
    least = _block_bases(0, sizes_of_k)
    assert least == _block_bases(400 << 20, sizes_of_k) == 32_000_000
    for share in (2 << 30, 8 << 30):
        bases = _block_bases(share, sizes_of_k)
        piece = Piece(0, 0, 1, bases)
        plan = Plan(Path("p"), [], "", None, [], [piece] * 8, list(range(9)))
        assert 0.7 * share < plan.estimate(sizes_of_k)["memory"] < share
        assert bases > least
