"""Classes, genotypes, filters and qualities of alleles made by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_alleles import alleles, reads_of

from dbgclean.variants.allele_table import (
    CLASSES,
    ERROR,
    REPEAT,
    UNDECIDED,
    VARIANT,
    ZYGOSITIES,
)
from dbgclean.variants.classify import FILTERS, Rules, classify


def judged(*rows, seen=(), rules=None, **options):
    table = alleles(*rows)
    return classify(table, reads_of(table, seen), rules, **options)


def words(table, name, i=0):
    names = {"klass": CLASSES, "zygosity": ZYGOSITIES}[name]
    return names[getattr(table, name)[i]]


RARE = {"alt_forward": 3, "alt_reverse": 3, "ref_forward": 147, "ref_reverse": 147}
GAP = {"kind": "deletion", "ref": "CA", "alt": "C", "run": 12}
PAIR = {"alt_forward": 1, "alt_reverse": 1, "ref_forward": 50, "ref_reverse": 50}
DEEP = {"alt_forward": 44, "alt_reverse": 43, "ref_forward": 4300, "ref_reverse": 4300,
        "verdict": "error", "likelihood": 234.0}  # fmt: skip
ONE_WAY = {"alt_forward": 0, "alt_reverse": 87, "ref_forward": 1, "ref_reverse": 8600}
FIFTH = {"alt_forward": 5, "alt_reverse": 5, "ref_forward": 20, "ref_reverse": 20,
         "verdict": "error", "quality": 12.0, "low_quality": 10}  # fmt: skip
ONE_SIDED = {"alt_forward": 0, "alt_reverse": 14, "ref_forward": 20, "ref_reverse": 17}


@pytest.mark.parametrize(
    ("row", "klass", "zygosity", "genotype"),
    [
        ({}, "variant", "heterozygous", "0/1"),
        ({"ref_forward": 0, "ref_reverse": 1}, "variant", "homozygous", "1/1"),
        # The genotype is as good a witness as the corrector.
        ({"verdict": "error"}, "variant", "heterozygous", "0/1"),
        (RARE, "variant", "low-frequency", "0/1"),
        (RARE | {"verdict": "undecided"}, "undecided", "", "./."),
        # Where the corrector cannot decide, the likelihood ratio may.
        (RARE | {"verdict": "undecided", "likelihood": 60.0}, "variant", "low-frequency", "0/1"),
        (DEEP, "variant", "low-frequency", "0/1"),
        (DEEP | {"likelihood": 40.0}, "error", "", "0/0"),
        (DEEP | {"alt_forward": 79, "alt_reverse": 8}, "error", "", "0/0"),
        (DEEP | {"low_quality": 30}, "error", "", "0/0"),
        (DEEP | {"cycles": 4}, "error", "", "0/0"),
        # Amplicons: few places and one strand, as the reference's fragments have.
        (DEEP | {"cycles": 2, "ref_cycles": 3.2}, "variant", "low-frequency", "0/1"),
        (DEEP | {"cycles": 2, "ref_cycles": 9.0}, "error", "", "0/0"),
        (DEEP | ONE_WAY, "variant", "low-frequency", "0/1"),
        (DEEP | ONE_WAY | {"ref_forward": 2000}, "error", "", "0/0"),
        (DEEP | {"near_end": 87, "ref_near_end": 8600}, "variant", "low-frequency", "0/1"),
        (DEEP | {"near_end": 87, "ref_near_end": 900}, "error", "", "0/0"),
        # A fifth of the fragments is no error, but for one strand alone where others are on both.
        (FIFTH, "undecided", "", "./."),
        (FIFTH | {"alt_forward": 14, "alt_reverse": 0}, "error", "", "0/0"),
        (FIFTH | {"alt_forward": 14, "alt_reverse": 0, "ref_reverse": 0}, "undecided", "", "./."),
        (RARE | GAP | {"run": 1, "verdict": "error", "posterior": 0.9}, "undecided", "", "./."),
        # A corrector that denies an allele has its say where there is a sign.
        ({"verdict": "error", "mapping_quality": 5.0}, "repeat", "", "./."),
        # A haplotype of several alleles at the fraction of a copy is no sign of another place.
        ({"verdict": "error", "others": 3.0}, "variant", "heterozygous", "0/1"),
        ({"verdict": "error", "others": 3.0, "ref_forward": 0, "ref_reverse": 0}, "variant",
         "homozygous", "1/1"),
        ({"verdict": "error", "alt_forward": 6, "alt_reverse": 0}, "error", "", "0/0"),
        ({"others": 3.0, "run": 45}, "repeat", "", "./."),
        (PAIR, "variant", "low-frequency", "0/1"),
        (PAIR | {"posterior": 0.8}, "undecided", "", "./."),
        (PAIR | {"cycles": 1}, "undecided", "", "./."),
        (RARE | {"verdict": "error"}, "error", "", "0/0"),
        ({"alt_forward": 1, "alt_reverse": 0, "ref_forward": 25, "ref_reverse": 25,
          "verdict": "error"}, "error", "", "0/0"),
        # Signs of artefacts: one against a real verdict, two, one without it.
        (ONE_SIDED, "undecided", "", "./."),
        (ONE_SIDED | {"low_quality": 11, "quality": 12.0}, "error", "", "0/0"),
        (ONE_SIDED | {"verdict": "error"}, "error", "", "0/0"),
        (RARE | {"near_end": 6}, "undecided", "", "./."),
        # Signs of repeats: one is enough where the fraction is no copy's.
        (RARE | {"others": 3.0}, "repeat", "", "./."),
        ({"others": 3.0}, "variant", "heterozygous", "0/1"),
        # Lower mapping quality is what several differences do; not where all reads map poorly.
        ({"others": 3.0, "mapping_quality": 40.0}, "variant", "heterozygous", "0/1"),
        ({"others": 3.0, "mapping_quality": 15.0, "mapped_nowhere_else": 9}, "variant",
         "heterozygous", "0/1"),
        ({"others": 3.0, "mapping_quality": 15.0, "ref_mapping_quality": 15.0}, "repeat", "",
         "./."),
        ({"others": 3.0, "mapping_quality": 4.0}, "repeat", "", "./."),
        # Depth with a crowd of alleles is another copy; of amplicons it says nothing.
        ({"others": 3.0, "depth_ratio": 2.0}, "repeat", "", "./."),
        ({"crowd": 4, "depth_ratio": 2.0}, "repeat", "", "./."),
        (RARE | {"crowd": 4, "depth_ratio": 2.0}, "repeat", "", "./."),
        ({"crowd": 4, "depth_ratio": 1.1}, "variant", "heterozygous", "0/1"),
        ({"depth_ratio": 2.0}, "variant", "heterozygous", "0/1"),
        ({"crowd": 4, "others": 3.0, "depth_ratio": 2.0, "depth_tells": False}, "variant",
         "heterozygous", "0/1"),
        ({"mapping_quality": 5.0, "mapped_nowhere_else": 2}, "repeat", "", "./."),
        ({"copies": 2}, "variant", "heterozygous", "0/1"),
        (RARE | {"copies": 2}, "variant", "low-frequency", "0/1"),
        (RARE | {"depth_ratio": 4.0}, "variant", "low-frequency", "0/1"),
        (RARE | {"copies": 2, "depth_ratio": 4.0}, "repeat", "", "./."),
        # A gap in a long run, rare or explained; or far beyond what slips there.
        (RARE | GAP | {"likelihood": 20.0}, "undecided", "", "./."),
        (RARE | GAP | {"expected": 4.0}, "undecided", "", "./."),
        (RARE | GAP, "variant", "low-frequency", "0/1"),
        (GAP, "variant", "heterozygous", "0/1"),
        ({"kind": "tip"}, "undecided", "", "./."),
    ],
)  # fmt: skip
def test_what_a_person_would_say(row, klass, zygosity, genotype):
    table = judged(row)
    assert words(table, "klass") == klass
    assert words(table, "zygosity") == zygosity
    assert table.genotype[0] == genotype


ROWS = st.fixed_dictionaries(
    {
        "alt_forward": st.integers(0, 60),
        "alt_reverse": st.integers(0, 60),
        "ref_forward": st.integers(0, 60),
        "ref_reverse": st.integers(0, 60),
        "quality": st.floats(2, 41),
        "low_quality": st.integers(0, 20),
        "mapping_quality": st.floats(0, 60),
        "cycles": st.integers(0, 10),
        "near_end": st.integers(0, 20),
        "agreed": st.integers(0, 5),
        "denied": st.integers(0, 5),
        "others": st.floats(0, 4),
        "copies": st.integers(1, 3),
        "run": st.integers(1, 15),
        "depth_ratio": st.floats(0.1, 3),
        "expected": st.floats(0, 9),
        "verdict": st.sampled_from(["error", "real", "undecided"]),
        "kind": st.sampled_from(["snv", "insertion", "deletion", "tip"]),
    }
)


@given(st.lists(ROWS, max_size=6), st.sampled_from([1, 2]))
def test_strand_symmetry(rows, ploidy):
    """Reads of the other strand tell the same story."""
    turn = {"alt_forward": "alt_reverse", "alt_reverse": "alt_forward",
            "ref_forward": "ref_reverse", "ref_reverse": "ref_forward"}  # fmt: skip
    turned = [{turn.get(name, name): value for name, value in row.items()} for row in rows]
    rules = Rules(ploidy=ploidy)
    straight, back = judged(*rows, rules=rules), judged(*turned, rules=rules)
    for name in ("klass", "zygosity", "genotype", "filters", "phase_set"):
        assert getattr(straight, name).tolist() == getattr(back, name).tolist()
    np.testing.assert_allclose(straight.quality_score, back.quality_score)


@given(st.lists(ROWS, max_size=6), st.sampled_from([1, 2]), st.booleans())
def test_every_row_is_complete_and_consistent(rows, ploidy, somatic):
    table = judged(*rows, rules=Rules(ploidy=ploidy), somatic=somatic)
    for i in range(len(table)):
        variant = table.klass[i] == VARIANT
        assert bool(table.filters[i]) != variant
        assert set(table.filters[i]) <= set(FILTERS)
        assert table.reasons[i]
        assert all(reason and "\t" not in reason for reason in table.reasons[i])
        assert (table.zygosity[i] > 0) == variant
        assert ("1" in table.genotype[i]) == variant
        assert 0 <= table.quality_score[i] <= 999
        n = int(table.alt_fragments[i])
        assert table.reasons[i][0].startswith(f"{n} of {table.depth[i]} fragments")
        assert table.origin[i] in (("undecided", "error", "germline") if somatic else ("",))
    assert (table.genotype_likelihoods.max(1) == 0).all() if len(table) else True


@given(st.lists(ROWS, min_size=1, max_size=6), st.sampled_from([1, 2]))
def test_what_a_fifth_of_the_fragments_show_is_no_error(rows, ploidy):
    table = judged(*rows, rules=Rules(ploidy=ploidy))
    wrong = (table.klass == ERROR) & (table.depth >= 20) & (table.fraction >= 0.2)
    assert (np.minimum(table.alt_forward, table.alt_reverse)[wrong] == 0).all()
    assert (np.minimum(table.ref_forward, table.ref_reverse)[wrong] > 0).all()


@given(st.lists(ROWS, min_size=1, max_size=6))
def test_numbers_in_the_reasons_are_the_tables(rows):
    table = judged(*rows)
    for i in range(len(table)):
        n = table.alt_fragments[i]
        for reason in table.reasons[i]:
            if found := re.search(r"(\d+) of (\d+) alternative bases? below Q15", reason):
                assert [int(x) for x in found.groups()] == [table.low_quality[i], n]
            if found := re.search(r"(\d+) of (\d+) within 10 bases", reason):
                assert [int(x) for x in found.groups()] == [table.near_end[i], n]
            if found := re.search(r"both strands \((\d+)/(\d+)\)", reason):
                strands = [table.alt_forward[i], table.alt_reverse[i]]
                assert [int(x) for x in found.groups()] == strands
            if found := re.search(r"the mates of (\d+)", reason):
                assert int(found[1]) == table.denied[i]


@given(st.lists(ROWS, min_size=2, max_size=6), st.randoms())
def test_an_allele_is_judged_by_itself(rows, random):
    """Alleles that do not overlap say nothing of one another's class."""
    order = list(range(len(rows)))
    random.shuffle(order)
    before, after = judged(*rows), judged(*[rows[i] for i in order])
    assert before.klass[order].tolist() == after.klass.tolist()


def test_reasons_of_a_variant_and_of_an_error():
    table = judged(
        {"alt_forward": 13, "alt_reverse": 11, "ref_forward": 14, "ref_reverse": 13},
        {"alt_forward": 0, "alt_reverse": 9, "ref_forward": 32, "ref_reverse": 10,
         "low_quality": 7, "quality": 13.0, "cycles": 1, "verdict": "error"},
    )  # fmt: skip
    assert table.reasons[0][0] == "24 of 51 fragments, both strands (13/11), mean Q34"
    assert table.reasons[1] == (
        "9 of 51 fragments, all on the reverse strand, mean Q13",
        "7 of 9 alternative bases below Q15",
        "all on the reverse strand, the reference on both (32/10)",
        "all at the same cycle",
        "P(real) below 0.01",
    )
    assert table.filters[1] == ("NotReal", "StrandBias", "LowQual", "SameCycle")


def test_one_copy_has_one_allele():
    row = {"ref_forward": 0, "ref_reverse": 0}
    table = judged(row, RARE, RARE | {"verdict": "error"}, rules=Rules(ploidy=1))
    assert table.genotype.tolist() == ["1", "0/1", "0"]
    assert "in a part of the molecules" in table.reasons[1]


def test_what_all_reads_show_is_no_allele_against_their_own_consensus():
    row = {"kind": "deletion", "ref": "A" * 300, "alt": "A", "ref_forward": 0, "ref_reverse": 0}
    assert words(judged(row), "zygosity") == "homozygous"
    table = judged(row, {}, rules=Rules(own_consensus=True))
    assert table.klass.tolist() == [REPEAT, VARIANT]


def test_two_alleles_of_one_place_are_on_two_copies():
    half = {"position": 500, "ref_forward": 0, "ref_reverse": 0, "depth": 50}
    table = judged(half | {"alt": "C"}, half | {"alt": "G"})
    assert table.klass.tolist() == [VARIANT] * 2
    assert table.genotype.tolist() == ["0|1", "1|0"]
    assert table.phase_set.tolist() == [501, 501]


def test_a_base_within_a_deletion_of_the_other_copy_is_heterozygous():
    gap = {"position": 499, "ref": "GAAT", "alt": "G", "kind": "deletion"}
    none = {"ref_forward": 0, "ref_reverse": 0, "depth": 50}
    table = judged(gap | none, {"position": 501} | none)
    assert table.genotype.tolist() == ["0|1", "1|0"]


def test_the_base_before_a_gap_is_not_part_of_it():
    none = {"ref_forward": 0, "ref_reverse": 1, "depth": 26}
    gap = {"position": 500, "ref": "A", "alt": "AGG", "kind": "insertion"}
    table = judged({"position": 500} | none, gap | none)
    assert table.genotype.tolist() == ["1/1", "1/1"]


def test_an_error_beside_an_allele_leaves_its_genotype_alone():
    row = {"position": 500, "ref_forward": 0, "ref_reverse": 0, "depth": 27}
    few = {"alt": "G", "alt_forward": 1, "alt_reverse": 1, "verdict": "error", "depth": 27}
    table = judged(row, row | few)
    assert table.genotype.tolist() == ["1/1", "0/0"]


def test_neighbours_are_phased_and_say_so():
    seen = [(i, {0: i % 2 == 0, 1: i % 2 == 0}) for i in range(10)]
    table = judged({}, {}, {}, seen=seen)
    assert table.genotype.tolist() == ["0|1", "0|1", "0/1"]
    assert table.phase_set.tolist() == [1001, 1001, 0]
    assert "in phase with 1 neighbouring allele" in table.reasons[0]


def test_a_rare_allele_on_both_copies_is_doubted():
    seen = [(i, {0: i % 2 == 0, 1: i < 6}) for i in range(50)]
    table = judged({}, RARE, seen=seen)
    assert words(table, "klass", 1) == "undecided"
    assert table.filters[1] == ("Undecided", "BothCopies")
    assert "on both copies of the genome (3/3 fragments by their other alleles)" in table.reasons[1]
    one = [(i, {0: i % 2 == 0, 1: i < 12 and i % 2 == 0}) for i in range(50)]
    assert words(judged({}, RARE, seen=one), "klass", 1) == "variant"


def test_the_users_rules():
    rare = judged(RARE, rules=Rules(min_fraction=0.1))
    assert words(rare, "klass") == "undecided"
    assert "LowFraction" in rare.filters[0]
    few = judged(RARE, rules=Rules(min_fragments=7))
    assert "FewFragments" in few.filters[0]
    assert "fewer than 7 fragments" in few.reasons[0]
    # What may have been sampled below the fraction by chance stays.
    assert judged({}, rules=Rules(min_fraction=0.5)).klass[0] == VARIANT


def test_quality_is_of_the_posterior_where_no_sign_speaks():
    low, high = ({"verdict": "error", "posterior": p} | RARE for p in (0.1, 0.2))
    assert np.diff(judged(low, high).quality_score) > 0


def test_rejected_alleles_have_low_quality():
    table = judged({}, ONE_SIDED, RARE | {"others": 3.0}, RARE | {"verdict": "error"})
    assert table.klass.tolist() == [VARIANT, UNDECIDED, REPEAT, ERROR]
    assert table.quality_score[0] > 90
    assert (table.quality_score[1:] <= 3.02).all()


def test_an_empty_table():
    assert len(judged()) == 0


def normal(alt, depth, **row):
    return row | {"normal_alt": alt, "normal_depth": depth}


def test_origins():
    tenth = {"alt_forward": 3, "alt_reverse": 3, "ref_forward": 27, "ref_reverse": 27}
    table = judged(
        normal(0, 40, **tenth),
        normal(19, 40),
        normal(4, 40, **tenth),
        normal(0, 40, **(tenth | {"verdict": "error"})),
        normal(0, 5),
        normal(0, 40, **ONE_SIDED),
        somatic=True,
    )
    assert table.origin.tolist() == [
        "somatic", "germline", "error", "error", "undecided", "undecided",
    ]  # fmt: skip
    assert table.klass.tolist() == [VARIANT, VARIANT, ERROR, ERROR, VARIANT, UNDECIDED]
    assert table.filters[2] == ("NotReal", "InNormal")
    assert table.reasons[0][-1] == "0 of 40 fragments of the normal"
    assert table.reasons[4][-1] == "0 of 5 fragments of the normal: too few to tell"


def test_contamination_is_said():
    table = judged(normal(1, 40, alt_forward=15, alt_reverse=15), somatic=True)
    assert table.origin[0] == "somatic"
    assert "tumour cells in the normal" in table.reasons[0][-1]


def test_the_input_is_left_as_it_was():
    table = alleles({}, RARE)
    before = replace(table, klass=table.klass.copy(), reasons=table.reasons.copy())
    classify(table, reads_of(table))
    assert table.klass.tolist() == before.klass.tolist()
    assert table.reasons.tolist() == before.reasons.tolist()
