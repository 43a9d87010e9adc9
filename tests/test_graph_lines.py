"""Lines of graphs: no more memory than a line may take."""

import gzip

import pytest

from dbgclean.errors import InputError
from dbgclean.graph import textfiles
from dbgclean.graph.gfa import read_gfa
from dbgclean.graph.unitig_fasta import read_unitigs


@pytest.mark.parametrize(
    ("read", "text"),
    [(read_gfa, "H\tVN:Z:1.0\nS\ta\t{}\n"), (read_unitigs, ">0 LN:i:1 KC:i:1\n{}\n")],
)
def test_a_line_that_is_too_long_is_one_line(read, text, tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles, "_LONGEST", 100)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(text.format("A" * 10**6).encode()))
    with pytest.raises(InputError, match="line 2: a line of more than 100 bytes; cut"):
        read(path, 21)


def test_the_longest_line_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(textfiles, "_LONGEST", 100)
    (tmp_path / "a").write_text("A" * 99 + "\n" + "C" * 100)
    assert [line for _, line in textfiles.numbered_lines(tmp_path / "a")] == ["A" * 99, "C" * 100]
