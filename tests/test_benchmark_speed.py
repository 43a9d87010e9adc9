"""The speed benchmark: measuring, samples, tables, and every part on next to nothing."""

import json
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.tools import find, machine
from benchmarks.simulators import simulate
from benchmarks.speed import __main__ as speed
from benchmarks.speed import floor as speed_floor
from benchmarks.speed import jobs as speed_jobs
from benchmarks.speed import parts as speed_parts
from benchmarks.speed import stages as speed_stages
from benchmarks.speed.parts import Settings
from benchmarks.speed.plots import plot_growth, plot_pairs
from benchmarks.speed.samples import Reads, Source, hiseq, interleave, random_reads
from benchmarks.speed.table import fit_growth, linear_fit, markdown, met
from benchmarks.speed.tools import Job, compare, measure, ratios

MEGABYTE = 2**20


def _python(name, program):
    return Job(name, lambda _: [[sys.executable, "-I", "-S", "-c", program]])


def _names(path):
    return [line.split()[0] for line in path.read_text().splitlines()[::4]]


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """4,000 pairs of a random genome."""
    return random_reads(tmp_path_factory.mktemp("reads"), 40_000, 30, 1)


def test_what_a_command_took_is_measured(tmp_path):
    held = _python("held", f"import time; x = bytearray({64 * MEGABYTE}); time.sleep(0.2)")
    # The parent's own pages are not the child's, however many they are.
    ours = bytearray(256 * MEGABYTE)
    cost = measure(held, tmp_path / "work")
    assert len(ours)
    assert 0.2 <= cost.wall < 30
    assert 64 < cost.peak_gb * 1024 < 160
    assert 0 < cost.cpu < cost.wall + 1
    assert not (tmp_path / "work").exists()


def test_processes_beside_one_another_are_added_up(tmp_path):
    child = f"x = bytearray({64 * MEGABYTE}); import time; time.sleep(1.5)"
    program = (
        "import os, sys\n"
        f"words = [sys.executable, '-I', '-S', '-c', {child!r}]\n"
        "pids = [os.spawnv(os.P_NOWAIT, words[0], words) for _ in range(2)]\n"
        "[os.waitpid(pid, 0) for pid in pids]\n"
    )
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here to add processes up by")
    assert measure(_python("two", program), tmp_path / "work").peak_gb * 1024 > 128


def test_commands_of_a_job_are_added_up_and_its_outputs_kept_on_demand(tmp_path):
    program = "print('written')"
    words = [sys.executable, "-c", program]
    cost = measure(Job("two", lambda _: [words, words]), tmp_path / "work", keep=True)
    assert len(cost.steps) == 2
    assert cost.wall == pytest.approx(sum(step["wall"] for step in cost.steps), abs=0.01)
    assert cost.to_dict()["steps"]
    assert "steps" not in measure(_python("one", program), tmp_path / "one").to_dict()
    assert (tmp_path / "work" / "stdout").read_text() == "written\n"


def test_a_failure_says_which_and_why(tmp_path):
    broken = _python("broken", "import sys; print('so it goes', file=sys.stderr); sys.exit(3)")
    with pytest.raises(RuntimeError, match="broken: .* ended with 3: so it goes"):
        measure(broken, tmp_path / "work")
    absent = Job("absent", lambda _: [["no-such-tool"]], ("no-such-tool",))
    assert absent.missing() == "no-such-tool not on the PATH"
    with pytest.raises(RuntimeError, match="not on the PATH"):
        measure(absent, tmp_path / "work")


def test_pairs_run_in_turn_and_ratios_are_of_pairs(tmp_path):
    log = tmp_path / "log"
    jobs = [_python(name, f"open({str(log)!r}, 'a').write({name!r})") for name in "ab"]
    found = compare(*jobs, [], tmp_path / "work", 3)
    assert log.read_text() == "ababab"
    assert [sorted(pair) for pair in found] == [["ours", "peer"]] * 3
    told = {"wall": 1.0, "cpu": 1.0, "peak_gb": 1.0}
    pairs = [
        {"ours": {**told, "wall": ours}, "peer": {**told, "wall": peer}}
        for ours, peer in ((1, 2), (10, 10), (3, 30))
    ]
    result = ratios(pairs)
    # 3 / 10 would be the ratio of medians.
    assert result["ratio"]["wall"] == 0.5
    assert result["ours"]["wall"] == 3
    assert result["peer"]["wall"] == 10


def test_commands_are_shown_without_folders(reads):
    shown = speed_jobs.ours("correct", reads, 2).shown()
    assert shown == "dbgclean correct R1.fastq R2.fastq -k 31 -t 2 -q -o R1.fastq R2.fastq"
    shown = speed_jobs.chain(reads, 2).shown()
    assert shown.count(";") == 2
    for job in (
        *(speed_jobs.kmc(reads, 2, 1), speed_jobs.jellyfish(reads, 2)),
        *(speed_jobs.corrector(name, reads, 2) for name in ("lighter", "tadpole", "bfc")),
        speed_jobs.bcalm(reads, 2, 3),
    ):
        assert "/" not in job.shown()
    assert "/" not in json.dumps(reads.to_dict())
    assert not {"hostname", "node"} & machine().keys()


def test_reads_are_drawn_once_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.speed.samples.BATCH_BASES", 100_000)
    drawn = random_reads(tmp_path, 10_000, 30, 2)
    assert drawn.bases == pytest.approx(300_000, rel=0.01)
    names = [_names(path) for path in drawn.files]
    assert names[0][0] == "@b0.0/1"
    assert len(set(names[0])) == len(names[0]) == drawn.bases // 300
    assert [name[:-1] for name in names[0]] == [name[:-1] for name in names[1]]
    before = drawn.files[0].stat().st_mtime_ns
    assert random_reads(tmp_path, 10_000, 30, 2) == drawn
    assert drawn.files[0].stat().st_mtime_ns == before
    both = interleave(drawn)
    assert _names(both)[:2] == [names[0][0], names[1][0]]


@pytest.fixture
def source(tmp_path):
    genome = tmp_path / "genome.fa"
    simulate.write_fasta(genome, [("g", simulate.random_genome(9000, 7))])
    return Source(tmp_path / "cache", genome=genome)


def test_depths_are_one_sample_growing(source):
    if find("art_illumina") is None:
        pytest.skip("art_illumina is not on the PATH")
    shallow, whole, deep = (hiseq(source, depth) for depth in (10, 50, 70))
    texts = [path.files[1].read_text() for path in (shallow, whole, deep)]
    assert texts[1].startswith(texts[0])
    assert texts[2].startswith(texts[1])
    for drawn in (shallow, whole, deep):
        assert drawn.bases == pytest.approx(drawn.depth * 9000, rel=0.03)
    names = _names(deep.files[0])
    assert len(set(names)) == len(names)
    assert names[0] == "@sim.0/1"
    assert "seeds 1 to 2" in deep.simulator


def test_the_accuracy_benchmarks_sample_is_taken_where_it_is_there(source, reads):
    kept = source.folder / f"{source.label}_50x_seed1" / "sample"
    kept.mkdir(parents=True)
    for path in reads.files:
        (kept / path.name).write_bytes(path.read_bytes())
    assert hiseq(source, 50).folder == kept
    assert sorted(path.name for path in kept.iterdir()) == ["R1.fastq", "R2.fastq"]
    assert hiseq(source, 20).files[0].read_bytes() == b"".join(
        reads.files[0].read_bytes().splitlines(keepends=True)[: 4 * 600]
    )


def test_a_missing_simulator_is_named(source, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="art_illumina is not on the PATH"):
        hiseq(source, 50)


def test_peers_take_their_command_lines(reads, tmp_path):
    jobs = [
        *(speed_jobs.kmc(reads, 2, 1), speed_jobs.kmc(reads, 2, 1, write=False)),
        *(speed_jobs.jellyfish(reads, 2), speed_jobs.bcalm(reads, 2, 3)),
        *(speed_jobs.corrector("bfc", reads, 2), speed_jobs.chain(reads, 2)),
    ]
    there = [job for job in jobs if job.missing() is None]
    if not there:
        pytest.skip("no peer is on the PATH")
    for job in there:
        measure(job, tmp_path / "work", keep=True)
        left = (path for path in (tmp_path / "work").rglob("*") if path.is_file())
        written = [path for path in left if path.suffix != ".list" and path.stat().st_size]
        assert written or job.name.endswith("-w"), job.name


def test_clocks_share_out_the_time_and_leave_results_alone():
    clock = speed_stages.Clock()
    inner = clock.around("inner", lambda value: time.sleep(0.05) or value)
    outer = clock.around("outer", lambda value: time.sleep(0.02) or inner(value) + 1)
    items = clock.around("items", lambda: iter([outer(1), outer(2)]))
    assert list(items()) == [2, 3]
    rows = {row["stage"]: row for row in clock.rows(1.0, 1.0)}
    assert rows["inner"]["calls"] == rows["outer"]["calls"] == 2
    assert rows["inner"]["wall"] >= 0.1
    assert rows["outer"]["wall"] >= 0.04
    assert sum(row["wall"] for row in rows.values()) == pytest.approx(1.0, abs=0.01)


def test_the_floor_is_of_all_bases(reads, tmp_path):
    written = tmp_path / "floor.json"
    assert speed_floor.main([str(written), *map(str, reads.files)]) == 0
    found = json.loads(written.read_text())
    assert found["bases"] == reads.bases
    assert found["look_ups"] > 0


def test_lines_are_fitted():
    assert linear_fit([1, 2, 3], [2, 4, 6])["intercept"] == 0
    fit = linear_fit([0, 1, 2], [0, 1, 4])
    assert fit["slope"] == 2
    assert fit["r2"] == pytest.approx(1 - (1 / 9 + 4 / 9 + 1 / 9) / (26 / 3), abs=1e-4)


def _growth(name, axis, bases, wall):
    cost = {"wall": wall, "cpu": 2 * wall, "peak_gb": 0.5}
    head = {"part": "growth", "name": name, "axis": axis, "value": bases, "bases": bases}
    return {**head, "depth": 50, "genome_size": bases // 50, "cost": cost}


def _compared(wall, **more):
    side = {"wall": 1.0, "cpu": 1.0, "peak_gb": 1.0}
    ratio = {"wall": wall, "cpu": 1.0, "peak_gb": 1.0}
    row = {"part": "correct", "name": "correct", "against": "lighter", "threads": 2}
    pairs = [{"ours": side, "peer": side}]
    return {**row, "depth": 50.0, "ours": side, "peer": side, "ratio": ratio, "pairs": pairs} | more


def test_results_become_tables_and_plots(tmp_path):
    rows = [_compared(0.4), _compared(1.2, against="tadpole"), _compared(3.0, against="karect")]
    assert [met(row) for row in rows] == ["yes", "no", ""]
    rows += [_growth("count", "depth", n * 10**6, 2.0 + n) for n in (1, 2, 4)]
    rows += [_growth("count", "genome", n * 10**6, 2.0 + n) for n in (1, 50)]
    rows.append(_compared(0.5, part="threads", against="1 thread", speedup=1.8))
    cost = {"wall": 1.0, "peak_gb": 1.6}
    peaks = {"name": "correct", "cost": {**cost, "cpu": 1.0}, "bases": 10**6}
    rows += [{**peaks, "part": "growth", "axis": "depth", "depth": x} for x in (50.0, 200.0)]
    rows.append({**peaks, "part": "memory", "depth": 200.0, "memory": "1G"})
    rows.append({"part": "first-run", "name": "--help", "wall": 0.3, "runs": [0.3]})
    rows.append({"part": "floor", "name": "count", "least": 2.0, "cost": {**cost, "cpu": 7.0}})
    rows.append({"part": "run", "name": "run", "against": "x", "skipped": "x not on the PATH"})
    results = {"rows": rows, "fits": fit_growth(rows)}
    assert {(fit["axis"], fit["figure"]) for fit in results["fits"]} == {
        ("depth", figure) for figure in ("wall", "cpu", "peak_gb")
    }
    assert results["fits"][0]["slope"] == 1
    text = markdown(results)
    for line in (
        "| `correct` / lighter | 1.0 / 1.0 | 0.40 | 1.00 | 1.00 / 1.00 | 1.00 | wall 0.45 | yes |",
        "| `count` wall, by depth | 2.00 s | 100.000 s | 1.0000 | 0 % |",
        "| `correct` | 50x | 8G | 1.0 | 1.60 | 1.00 | 0.7 GiB | no |",
        "| `correct` | 200x | 8G | 1.0 | 1.60 | 1.00 | 1.3 times | yes |",
        "| `correct` | 200x | 1G | 1.0 | 1.60 | 1.00 | 1 GiB | no |",
        "| `--help` |  | 0.30 |  | 0.4 s | yes |",
        "| `count` | 7.0 | 2.0 | 3.5 |",
    ):
        assert line in text
    assert "x not on the PATH" in text
    written = plot_growth(results, tmp_path) + plot_pairs(results, tmp_path)
    assert [path.name for path in written] == [
        "speed-growth-depth.png",
        "speed-growth-genome.png",
        "speed-ratios.png",
    ]
    assert all(path.stat().st_size > 5000 for path in written)
    assert plot_pairs({"rows": []}, tmp_path) == []


def test_rows_replace_older_ones_but_a_skipped_one_does_not():
    old = [_compared(0.4), _compared(0.6, against="tadpole")]
    merged = speed.merge(old, [_compared(0.3)])
    assert [row["ratio"]["wall"] for row in merged] == [0.3, 0.6]
    gone = {key: value for key, value in _compared(0.4).items() if key != "ratio"}
    assert speed.merge(old, [{**gone, "skipped": "why"}]) == old
    assert len(speed.merge(old, [_compared(0.4, depth=12.0)])) == 3


@pytest.fixture
def quick(monkeypatch, reads):
    """No warming up, tools that do nothing, the same few reads at any depth."""
    monkeypatch.setattr(speed_parts, "hiseq", lambda source, depth: reads)
    monkeypatch.setattr(speed_parts, "random_reads", lambda *_: reads)
    for name in ("kmc", "jellyfish", "bcalm", "chain", "corrector"):
        monkeypatch.setattr(speed_parts, name, _pretend(name))
    monkeypatch.setattr(speed_parts, "ours", _pretend("ours", 0))


def _pretend(kind, at=None):
    def job(*words, **_):
        told = [word for word in words if isinstance(word, int | str)]
        name = " ".join([kind, *map(str, told)]) if at is None else words[at]
        return _python(name, "pass")

    return job


@pytest.mark.usefixtures("quick")
def test_every_part_from_end_to_end(tmp_path, source, capsys):
    results = tmp_path / "out" / "speed.json"
    common = ["--genome", str(source.path), "--folder", str(tmp_path / "cache"), "--pairs", "2"]
    common += ["--depths", "1", "2", "3", "--genomes", "1e3", "--output", str(results)]
    parts = ["count", "correct", "graph", "run", "threads", "memory", "growth"]
    assert speed.main([*common, "--part", *parts, "--plots", str(tmp_path / "plots")]) == 0
    written = json.loads(results.read_text())
    found = {}
    for row in written["rows"]:
        found.setdefault(row["part"], []).append(row)
    assert {part: len(rows) for part, rows in found.items()} == {
        **{"count": 4, "correct": 3, "graph": 2, "run": 1, "threads": 5, "memory": 3},
        "growth": 12,
    }
    assert all(len(row["pairs"]) == 2 for part in parts[:5] for row in found[part])
    assert written["machine"]["cores"]
    assert str(tmp_path) not in results.read_text()
    assert "speed-ratios.png" in capsys.readouterr().out
    assert speed.main(["--table", "-o", str(results)]) == 0
    assert "| `graph raw` / bcalm 2 1 |" in capsys.readouterr().out


def test_figures_of_two_machines_do_not_mix(tmp_path, source, capsys):
    results = tmp_path / "speed.json"
    results.write_text(json.dumps({"machine": {"cpu": "another"}, "rows": []}))
    assert speed.main(["--genome", str(source.path), "-o", str(results)]) == 1
    assert "another machine" in capsys.readouterr().err


def test_wrong_command_lines_are_told(tmp_path):
    with pytest.raises(SystemExit, match="none.fa: not there"):
        speed.main(["--genome", str(tmp_path / "none.fa")])
    with pytest.raises(SystemExit):
        speed.parse(["--table"])
    with pytest.raises(SystemExit):
        speed.parse(["--part", "everything"])


def test_a_limit_is_handed_on_and_a_failure_is_a_row(tmp_path, reads, monkeypatch):
    """The command as it is, not a pretended one."""
    monkeypatch.setattr(speed_parts, "hiseq", lambda source, depth: reads)
    settings = Settings(Source(tmp_path), stages=("count",))
    settings._warmed.add("count")
    (row,) = speed_parts.memory(settings)
    assert row["memory"] == "1G"
    assert row["cost"]["peak_gb"] > 0.05
    assert row["command"].endswith("--memory 1G -t 2 -q -o kmers.fa")
    reads.files[0].rename(tmp_path / "away")
    (failed,) = speed_parts.memory(settings)
    (tmp_path / "away").rename(reads.files[0])
    assert "R1.fastq" in failed["skipped"]


def test_large_genomes_are_held_against_their_truth(source):
    settings = Settings(source, large=(), large_depth=40, stages=("correct",))
    (drawn,) = settings.draw(["large"])
    settings._warmed.add("correct")
    (row,) = speed_parts.large(settings)
    assert row["genome_size"] == drawn.genome_size == 9000
    assert row["truth"]["true_kmers_lost_3"] == 0
    assert row["truth"]["false_kmers_left"] < 100
    assert not (settings.work / "ours").exists()
    twice = row | {"genome_size": 10**6, "bases": row["bases"] / 2}
    assert "| 2.00 |" in markdown({"rows": [twice, row]})


def test_the_stages_of_correct_add_up(tmp_path, reads):
    target = tmp_path / "stages.json"
    files = [str(path) for path in reads.files]
    words = [sys.executable, "-m", "benchmarks.speed.stages", "correct", str(target), *files]
    environment = {"PYTHONPATH": str(speed_parts.ROOT)}
    measure(Job("stages", lambda _: [words], environment=environment), tmp_path / "work")
    found = json.loads(target.read_text())
    stages = {row["stage"]: row for row in found["stages"]}
    assert {"imports", "count", "judge", "rewrite", "network", "elsewhere"} <= stages.keys()
    total = sum(row["wall"] for row in found["stages"])
    assert total == pytest.approx(found["wall"], abs=0.05)
    assert stages["elsewhere"]["wall"] < 0.3 * found["wall"]


def test_a_copy_of_the_package_has_no_kernels_yet(tmp_path):
    copy = speed_parts._copy_package(tmp_path / "copy")
    assert (copy / "dbgclean" / "__main__.py").exists()
    assert any(copy.rglob("*.pyc"))
    assert not any(path.suffix in (".nbi", ".nbc") for path in copy.rglob("*"))
    where = "import dbgclean; print(dbgclean.__file__)"
    job = Job("where", lambda _: [[sys.executable, "-c", where]], (), {"PYTHONPATH": str(copy)})
    measure(job, tmp_path / "work", keep=True)
    assert (tmp_path / "work" / "stdout").read_text().startswith(str(copy))


def test_reads_know_their_length(reads):
    assert isinstance(reads, Reads)
    assert reads.read_length == 150
    assert reads.bases == pytest.approx(40_000 * 30, rel=0.01)
