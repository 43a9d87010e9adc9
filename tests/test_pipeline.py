"""The passes over the reads: columns, deltas, options; several inputs as one run."""

import functools

import numpy as np
import pytest
from small_samples import mixture

from benchmarks.simulators import simulate
from dbgclean.correct.rewrite import Rewriter
from dbgclean.errors import InputError
from dbgclean.log import Progress
from dbgclean.pipeline import counting, full, passes, runs
from dbgclean.pipeline.doubts import verdict
from dbgclean.pipeline.passes import (
    CONTROLS,
    Options,
    correct,
    correct_reads,
    count,
    judge,
    open_run,
    rewrite,
)
from dbgclean.reads import ReadStatistics, iter_batches
from dbgclean.spectrum.counting import KmerCounter

QUIET = Progress(quiet=True)
COLUMNS = ("keys", "counts", "reverse", "high_quality")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A mixture in three inputs: a pair, single reads, FASTA; with chimeras and indels."""
    folder = tmp_path_factory.mktemp("pipeline")
    artefacts = simulate.Artefacts(chimeras=0.03, indels=0.03)
    reads, genome, sites = mixture(
        length=5000, depth=40, spacing=100, fractions=(0.3, 0.07), artefacts=artefacts, seed=41
    )
    simulate.write_fastq(reads, folder / "r1.fq", folder / "r2.fq")
    single, _, _ = mixture(length=5000, depth=3, artefacts=artefacts, seed=41)
    simulate.write_fastq(single, folder / "single.fq.gz")
    genome_text = simulate.decode(genome)
    fasta = [genome_text[i : i + 200] for i in range(0, 4000, 333)]
    (folder / "contigs.fa").write_text("".join(f">c{i}\n{s}\n" for i, s in enumerate(fasta)))
    names = ("r1.fq", "r2.fq", "single.fq.gz", "contigs.fa")
    return [str(folder / name) for name in names], genome, sites


@pytest.fixture(scope="module")
def run(files):
    """All controls beside the likelihood, in small batches."""
    small = functools.partial(iter_batches, batch_bases=30_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "iter_batches", small)
        inputs = open_run(files[0], Options(corrector="likelihood"), QUIET, graph=True)
        judged = judge(count(inputs), [*CONTROLS, "none", "cutoff"])
        return rewrite(judged, lambda written: None)


def batches(run):
    """Every batch of a run with the number of its first read."""
    first = 0
    for group in run.groups:
        for batch in iter_batches(group):
            yield first, batch
            first += len(batch)


def test_the_inputs_stay_apart_in_the_statistics(run):
    layouts = [(g.layout, g.format) for g in run.groups]
    assert layouts == [("paired", "fastq"), ("single", "fastq"), ("single", "fasta")]
    assert [tally.reads for tally in run.statistics] == [2000, 150, 13]


def test_raw_kmers_are_those_of_all_inputs(run):
    counter = KmerCounter(31)
    for _, batch in batches(run):
        counter.add(batch)
    whole = counter.finish()
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(run.raw, column), getattr(whole, column))


def test_each_column_counts_as_if_all_its_reads_were_counted(run):
    """raw - touched reads before + touched reads after == every rewritten read."""
    assert list(run.columns) == [*CONTROLS, "none", "cutoff"]
    tables = []
    for column in run.columns.values():
        kept = column.verdicts.kept if column.verdicts else None
        rewriter = Rewriter(run.evidence if column.verdicts else None, kept)
        counter = KmerCounter(31)
        for first, batch in batches(run):
            counter.add(rewriter.rewrite(batch, first))
        whole = counter.finish()
        for name in COLUMNS:
            found = getattr(column.table, name)
            np.testing.assert_array_equal(found, getattr(whole, name), err_msg=column.name)
        if column is run.chosen:
            assert column.rewriter.statistics == rewriter.statistics
        tables.append(whole)
    assert len(tables[0]) < len(tables[1]) < len(run.raw)


def test_kmers_over_kept_bases_stand_however_rare(run, files):
    """Every k-mer over a base judged real is in the set, even below the cutoff."""
    column = run.columns["likelihood"]
    counter = KmerCounter(31)
    for first, batch in batches(run):
        stretches = column.rewriter.kept_stretches(batch, first, 31)
        counter.add_codes(stretches.codes, stretches.offsets, stretches.quals)
    kept = counter.finish().keys
    kept = kept[np.isin(kept, column.table.keys)]
    assert len(kept) > 100
    assert np.isin(kept, column.kmers.keys).all()
    rare = column.kmers.keys[column.kmers.counts < run.sample().cutoff]
    assert np.isin(rare, kept).all()


def test_no_reads_are_lost_on_the_way(files):
    options = Options(corrector="nearest")
    seen = {}
    run = correct(
        open_run(files[0], options, QUIET),
        lambda one: seen.setdefault(one.group, []).extend(one.after.names),
    )
    assert [len(seen[group]) for group in range(3)] == [2000, 150, 13]
    assert len(run.raw) == len(run.chosen.table) == len(run.chosen.kept) == 0


@pytest.mark.parametrize(
    ("given", "k"), [({}, 25), ({"k": 21}, 21), ({"correction_k": 17}, 17), ({"k": 25}, 25)]
)
def test_correction_k(files, given, k):
    run = count(open_run(files[0], Options(corrector="nearest", **given), QUIET))
    assert run.table.k == run.correction_k == run.config()["correction_k"] == k


@pytest.fixture(scope="module")
def shallow(tmp_path_factory):
    """4x of a small genome: most 25-mers are seen a few times at most."""
    path = tmp_path_factory.mktemp("shallow") / "r.fq"
    reads, _, _ = mixture(length=30_000, depth=4, spacing=None, seed=8)
    simulate.write_fastq(reads, path)
    return [str(path)]


@pytest.mark.parametrize("graph", [False, True])
def test_a_shallow_sample_is_counted_again_at_a_shorter_k(shallow, graph):
    options = Options(corrector="nearest", single=True)
    run = count(open_run(shallow, options, QUIET, graph=graph))
    table = run.table
    assert 15 <= table.k == run.correction_k == run.config()["correction_k"] < 25
    done = rewrite(judge(run, ["nearest"]), lambda *_: None)
    assert done.chosen.rewriter.statistics.bases_changed > 50
    (shallow_one,) = (reason for reason in verdict(done)["reasons"] if "shallow" in reason)
    assert f"threaded at k = {table.k}" in shallow_one
    reads = ReadStatistics()
    again = KmerCounter(table.k)
    for batch in iter_batches(run.groups[0], statistics=reads):
        again.add(batch)
    whole = again.finish()
    np.testing.assert_array_equal(table.counts, whole.counts[whole.counts > 1])
    assert [tally.reads for tally in run.statistics] == [reads.reads]
    assert (len(run.raw) > 0) == graph


@pytest.mark.parametrize("graph", [False, True])
def test_what_is_counted_first_is_not_seen_in_the_result(files, monkeypatch, graph):
    """The size of a file, which compression changes, decides it."""
    found = []
    for first in (25, 31):
        monkeypatch.setattr(passes, "first_correction_k", lambda *_, first=first: first)
        found.append(count(open_run(files[0], Options(corrector="nearest"), QUIET, graph=graph)))
    one, other = found
    assert one.table.k == other.table.k == 25
    assert one.windows == other.windows
    assert one.spectrum.to_dict() == other.spectrum.to_dict()
    assert one.threading_spectrum.to_dict() == other.threading_spectrum.to_dict()
    assert one.modes == other.modes
    for column in COLUMNS:
        mine, theirs = getattr(one.table, column), getattr(other.table, column)
        np.testing.assert_array_equal(mine, theirs)


def test_an_explicit_correction_k_is_taken_as_it_is(shallow, caplog):
    caplog.set_level("INFO", "dbgclean")
    options = Options(corrector="nearest", correction_k=25, single=True)
    assert count(open_run(shallow, options, QUIET)).correction_k == 25
    assert "threaded at" not in caplog.text


def test_options_in_the_report_are_those_that_decide():
    shown = Options(threads=7, tmp="/elsewhere", memory_bytes=3).to_dict()
    assert shown == Options(threads=1).to_dict()
    rules = {"min_vaf", "ploidy", "protect"}
    assert set(shown) == rules | {"k", "correction_k", "corrector", "model", "min_quality", "seed"}
    assert Options(protect="/elsewhere/list.vcf").to_dict()["protect"] == "list.vcf"


@pytest.mark.parametrize("k", [11, 21, 31])
@pytest.mark.parametrize("memory", [None, 450 << 20])
def test_any_k_and_little_memory(files, k, memory):
    options = Options(corrector="likelihood", k=k, memory_bytes=memory)
    run = correct(open_run(files[0], options, QUIET, graph=True), lambda written: None)
    true = simulate.true_kmers(files[1], files[2], k)
    left = (~np.isin(run.chosen.kmers.keys, true)).sum()
    assert left < (~np.isin(run.raw.keys, true)).sum() / 50
    assert run.raw.k == run.chosen.kmers.k == k


def test_correct_takes_one_set_of_reads(files, tmp_path):
    with pytest.raises(InputError, match="2 sets of reads"):
        correct_reads(files[0][2:], [str(tmp_path / "o.fq")], Options(), QUIET)
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_column_of_the_report(files, tmp_path, monkeypatch):
    """The chosen corrector gets its column beside the controls, whatever its name."""
    from dbgclean.correct.correctors import NearestCorrector

    plain = passes.load_corrector
    for module in (passes, runs):
        monkeypatch.setattr(
            module, "load_corrector", lambda n: NearestCorrector() if n == "mine" else plain(n)
        )
    report = full.full_run(files[0], str(tmp_path / "out"), Options(corrector="mine"))
    names = ["raw", "cutoff", "classical", "nearest", "likelihood", "autoencoder", "mine"]
    assert list(report["ambiguity"]) == names
    assert report["ambiguity"]["mine"] == report["ambiguity"]["nearest"]
    assert report["corrections"]["corrector"] == "mine"
    assert (tmp_path / "out" / "kmers.fa.gz").exists()
