"""What every corrector has to do: ours, and one that another package registers.

Each test runs on all of them. The package of the last one is real: a module and the
metadata that pip would install, in a folder of its own on the import path.
"""

import functools
import sys

import numpy as np
import pytest
from small_samples import mixture, strings_of, turned_reads

from benchmarks.simulators import simulate
from dbgclean.__main__ import main
from dbgclean.correct import correctors
from dbgclean.correct.correctors import (
    Corrector,
    available_correctors,
    load_corrector,
)
from dbgclean.correct.verdicts import ERROR, REAL, UNDECIDED
from dbgclean.errors import UsageError
from dbgclean.log import Progress
from dbgclean.pipeline import counting
from dbgclean.pipeline.passes import Options, correct, open_run
from dbgclean.reads import iter_batches
from dbgclean.spectrum.counting import KmerCounter

OURS = ("none", "cutoff", "nearest", "likelihood", "autoencoder", "auto")
NAMES = (*OURS, "thrice")
# A verdict that needs no judge of ours: real from three fragments on.
MODULE = '''
"""A corrector of somebody else's."""

import numpy as np

from dbgclean.correct import ERROR, REAL, UNDECIDED, Corrector, Verdicts


class Thrice(Corrector):
    def judge(self, evidence, sample):
        fragments = evidence.alternatives.fragments
        verdict = np.select([fragments >= 3, fragments == 2], [REAL, UNDECIDED], ERROR)
        posterior = np.clip(fragments / 4, 0, 1).astype(np.float32)
        return Verdicts(verdict.astype(np.uint8), posterior)
'''
FAILING = """
import numpy as np

from dbgclean.correct import Corrector, Verdicts


class Raises(Corrector):
    def judge(self, evidence, sample):
        raise IndexError("of its own")


class Few(Corrector):
    def judge(self, evidence, sample):
        return Verdicts(np.zeros(1, np.uint8), np.zeros(1, np.float32))


class Strange(Corrector):
    def judge(self, evidence, sample):
        n = len(evidence.alternatives)
        return Verdicts(np.zeros(n, np.uint8), np.full(n, np.nan, np.float32))


class Keeps(Corrector):
    def keep(self, table, kept_alternatives, sample):
        return np.ones(3, bool)
"""
WRONG = {
    "raises": "failing_corrector:Raises.judge() failed (IndexError: of its own)",
    "few": "failing_corrector:Few.judge() gave [(1,), (1,)] verdicts and posteriors for",
    "strange": "failing_corrector:Strange.judge() gave an unknown verdict, or a posterior",
    "keeps": "failing_corrector:Keeps.keep() gave no bool for each of",
}
COLUMNS = ("keys", "counts", "reverse", "high_quality")


@pytest.fixture(scope="module", autouse=True)
def third_party(tmp_path_factory):
    """Install a package, as far as the import system can tell."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "thrice_corrector.py").write_text(MODULE)
    (folder / "failing_corrector.py").write_text(FAILING)
    info = folder / "thrice_corrector-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thrice-corrector\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(
        "[dbgclean.correctors]\n"
        "thrice = thrice_corrector:Thrice\n"
        "broken = no_such_module:Nothing\n"
        "lacking = builtins:object\n"
        "likelihood = thrice_corrector:Thrice\n"
        + "".join(f"{name} = failing_corrector:{name.title()}\n" for name in WRONG)
    )
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("thrice_corrector", None)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Reads of a mixture with indels and chimeras, of both strands, on disk."""
    folder = tmp_path_factory.mktemp("protocol")
    artefacts = simulate.Artefacts(chimeras=0.02, indels=0.02)
    reads, genome, sites = mixture(length=8000, depth=40, artefacts=artefacts, seed=31)
    paths = {}
    for name, turn in (("forward", lambda r: r), ("turned", turned_reads)):
        paths[name] = [str(folder / f"{name}_{mate}.fq") for mate in (1, 2)]
        simulate.write_fastq(turn(reads), *paths[name])
    return paths, simulate.true_kmers(genome, sites, 31)


def corrected(paths, name, threads=1):
    """A run through all passes, and the batches that came out."""
    options = Options(corrector=name, threads=threads)
    inputs = open_run(paths, options, Progress(quiet=True), graph=True)
    batches = []
    return correct(inputs, lambda written: batches.append(written.after)), batches


@pytest.fixture(scope="module")
def plain(sample):
    """The run of each corrector, made once."""
    return functools.cache(lambda name: corrected(sample[0]["forward"], name))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def same_kmers(one, two):
    """Equal tables and sets; reads of the other strand turn the strand counts."""
    for column in COLUMNS:
        first, second = getattr(one.table, column), getattr(two.table, column)
        np.testing.assert_array_equal(first, second, err_msg=column)
    np.testing.assert_array_equal(one.kept, two.kept)


def test_it_is_registered(name):
    info = {info.name: info for info in available_correctors()}[name]
    ours = name in OURS
    assert info.package == ("dbgclean" if ours else "thrice-corrector")
    assert info.target.startswith("dbgclean." if ours else "thrice_corrector:")
    assert info.version
    corrector = load_corrector(name)
    assert isinstance(corrector, Corrector)
    assert corrector.edits_reads == (name not in ("none", "cutoff"))


def test_one_verdict_for_each_alternative(name, plain):
    run, _ = plain(name)
    if not run.chosen.corrector.edits_reads:
        assert run.evidence is run.chosen.verdicts is None
        return
    verdicts = run.chosen.verdicts
    n = len(run.evidence.alternatives)
    assert n > 1000
    assert verdicts.verdict.shape == verdicts.posterior.shape == (n,)
    assert np.isfinite(verdicts.posterior).all()
    assert 0 <= verdicts.posterior.min() <= verdicts.posterior.max() <= 1
    assert set(np.unique(verdicts.verdict)) <= {ERROR, REAL, UNDECIDED}
    assert sum(verdicts.count().values()) == n
    np.testing.assert_array_equal(verdicts.kept, verdicts.verdict != ERROR)


def test_it_takes_errors_and_leaves_the_truth(name, plain, sample):
    """Fewer false k-mers in the set than raw, and next to no true one lost."""
    true = sample[1]
    run, _ = plain(name)
    left = ~np.isin(run.chosen.kmers.keys, true)
    raw = ~np.isin(run.raw.keys, true)
    # At 40x the end of a linear molecule is thin: those k-mers may go.
    shown = np.intersect1d(run.raw.keys[run.raw.counts >= 5], true)
    lost = (~np.isin(shown, run.chosen.kmers.keys)).sum()
    if name == "none":
        assert (left.sum(), lost) == (raw.sum(), 0)
        return
    assert left.sum() < raw.sum() / (50 if name in OURS else 20)
    assert lost <= (120 if name == "cutoff" else 20)


def test_the_table_is_that_of_the_corrected_reads(name, plain):
    """Only what changed is counted again; counting everything gives the same."""
    run, batches = plain(name)
    counter = KmerCounter(31)
    for batch in batches:
        counter.add(batch)
    whole = counter.finish()
    for column in COLUMNS:
        np.testing.assert_array_equal(
            getattr(run.chosen.table, column), getattr(whole, column), err_msg=column
        )
    assert run.chosen.kept.shape == (len(whole),)
    assert run.chosen.kmers.total <= whole.total


def test_reads_keep_their_names_and_number(name, plain, sample):
    _, batches = plain(name)
    raw = [b for g in open_run(sample[0]["forward"], Options(), Progress(quiet=True)).groups
           for b in iter_batches(g)]  # fmt: skip
    assert [n for b in batches for n in b.names] == [n for b in raw for n in b.names]
    for before, after in zip(raw, batches, strict=True):
        assert len(after.bases) == len(after.codes) == len(after.quals) == after.offsets[-1]
        texts = zip(strings_of(before), strings_of(after), strict=True)
        changed = sum(a != b for a, b in texts)
        assert (changed > 0) == (name not in ("none", "cutoff"))
        assert changed < len(before) / 2


def test_none_leaves_everything_byte_for_byte(plain, sample):
    run, batches = plain("none")
    (group,) = run.groups
    for before, after in zip(iter_batches(group), batches, strict=True):
        assert after.bases.tobytes() == before.bases.tobytes()
        assert after.quals.tobytes() == before.quals.tobytes()
        assert after.names == before.names
    assert run.chosen.table is run.raw
    assert run.chosen.kept.all()


def test_the_other_strand_gives_the_same_kmers(name, plain, sample):
    """Every read reverse-complemented, with its qualities."""
    one, _ = plain(name)
    two, _ = corrected(sample[0]["turned"], name)
    for column in ("keys", "counts", "high_quality"):
        first, second = (getattr(run.chosen.table, column) for run in (one, two))
        np.testing.assert_array_equal(first, second, err_msg=column)
    np.testing.assert_array_equal(one.chosen.kept, two.chosen.kept)
    table = one.chosen.table
    np.testing.assert_array_equal(two.chosen.table.reverse, table.counts - table.reverse)
    if one.chosen.verdicts is not None:
        np.testing.assert_array_equal(one.chosen.verdicts.verdict, two.chosen.verdicts.verdict)


@pytest.mark.parametrize(("threads", "batch_bases"), [(2, 8_000_000), (1, 20_000), (3, 50_000)])
def test_neither_threads_nor_batches_matter(name, threads, batch_bases, plain, sample, monkeypatch):
    one, batches = plain(name)
    smaller = functools.partial(iter_batches, batch_bases=batch_bases)
    monkeypatch.setattr(counting, "iter_batches", smaller)
    two, parts = corrected(sample[0]["forward"], name, threads)
    assert (len(parts) > len(batches)) == (batch_bases < 8_000_000)
    same_kmers(one.chosen, two.chosen)
    assert b"".join(b.bases.tobytes() for b in parts) == b"".join(
        b.bases.tobytes() for b in batches
    )
    assert one.chosen.rewriter.statistics == two.chosen.rewriter.statistics
    if one.chosen.verdicts is not None:
        np.testing.assert_array_equal(one.chosen.verdicts.verdict, two.chosen.verdicts.verdict)
        np.testing.assert_array_equal(one.chosen.verdicts.posterior, two.chosen.verdicts.posterior)


def test_ours_wins_where_a_name_stands_twice():
    assert type(load_corrector("likelihood")) is correctors.LikelihoodCorrector


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("nobody", "no such corrector is installed; choose one of auto, autoencoder, broken,"),
        ("broken", "no_such_module:Nothing cannot be loaded (ModuleNotFoundError"),
        ("lacking", "builtins:object lacks judge, keep, edits_reads"),
    ],
)
def test_what_cannot_be_loaded_is_told(wrong, words):
    with pytest.raises(UsageError) as caught:
        load_corrector(wrong)
    message = str(caught.value)
    assert message.startswith(f"--corrector {wrong}: ")
    assert words in message
    assert "\n" not in message


def test_a_plug_in_without_a_judge_of_its_own_judges_nothing(third_party):
    names = ("nearest", "none", "ratio", "keeps", "thrice")
    assert [load_corrector(name).judges for name in names] == [False, False, True, False, True]


def test_info_lists_it(capfd):
    assert main(["info"]) == 0
    shown = capfd.readouterr().out
    assert "thrice-corrector" in shown
    assert all(name in shown for name in NAMES)


@pytest.mark.parametrize("name", WRONG)
def test_what_fails_in_a_plug_in_is_one_line_that_names_it(name, tmp_path, capfd):
    reads, _, _ = mixture(length=1500, depth=20, spacing=None, seed=21)
    simulate.write_fastq(reads, tmp_path / "a.fq")
    argv = ["run", tmp_path / "a.fq", "-o", tmp_path / "out", "--corrector", name, "-q"]
    assert main([*map(str, argv), "--no-controls", "--no-spikes"]) == 1
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"dbgclean: error: --corrector {name}: {WRONG[name]}")
    assert not (tmp_path / "out").exists()
