"""Damaged inputs of every format through the command line; nothing else than this is allowed:

exit code 0, 1 or 2 within half a minute, no traceback, one line of error where it is not 0 and
then nothing under the output's name; and where it is 0, what came in is what went out and what
was said to be left out, by other people's parsers.

    python tests/fuzz_inputs.py --mutations 1000 --seed 1

The same seed makes the same files. Each runs in a forked child, so that a thousand take
minutes and a reader that hangs can be ended.
"""

import argparse
import bz2
import collections
import contextlib
import gzip
import io
import json
import lzma
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

import pysam
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from dbgclean.reads.bam import quiet_htslib

LIMIT = 30
K = 21
BASES = "ACGT"


def unpack_xz(data):
    """All streams, over the padding between them that lzma.decompress takes for the end."""
    text = b""
    while data:
        stream = lzma.LZMADecompressor()
        text += stream.decompress(data)
        if not stream.eof:
            raise EOFError
        data = stream.unused_data.lstrip(b"\0")
    return text


UNPACK = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": unpack_xz}
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def complement(bases):
    return bases.translate(COMPLEMENT)[::-1]


class Inputs:
    """Whole files of every format, as bytes by name."""

    def __init__(self, folder):
        draw = random.Random(5)
        self.genome = "".join(draw.choices(BASES, k=1500))
        starts = [draw.randrange(len(self.genome) - 80) for _ in range(240)]
        self.reads = [self.genome[start : start + 80] for start in starts]
        quality = "".join(draw.choices("#5?I", k=80))
        self.reference = folder / "g.fa"
        self.reference.write_text(f">g genome\n{self.genome}\n")
        self.good = folder / "good.fq"
        fastq = "".join(f"@r{i} c\n{r}\n+\n{quality}\n" for i, r in enumerate(self.reads)).encode()
        self.good.write_bytes(fastq)
        fasta = "".join(f">r{i}\n{r[:50]}\n{r[50:]}\n" for i, r in enumerate(self.reads)).encode()
        self.whole = {"fq": fastq, "fa": fasta}
        for kind, pack in PACK.items():
            self.whole[f"fq.{kind}"] = pack(fastq)
        # Longer than what is looked at up front.
        self.whole["bam"] = self._alignments(folder / "w.bam", "wb", starts * 8)
        self.whole["inspect.bam"] = self.whole["bam"]
        self.index = (folder / "w.bam.bai").read_bytes()
        self.sam = pysam.view("-h", str(folder / "w.bam")).encode()
        self.whole["cram"] = self._alignments(folder / "w.cram", "wc", starts * 8)
        self.whole["gfa"] = self._graph()
        self.whole["kmers"] = self._table()
        places = sorted(draw.sample(range(1400), 30))
        self.whole["bed"] = "".join(f"g\t{p}\t{p + 9}\n" for p in places).encode()
        self.whole["vcf"] = self._variants(places)
        self.variants = folder / "good.vcf"
        self.variants.write_bytes(self.whole["vcf"])
        self.alignments = folder / "w.bam"
        self.whole["ref.fa"] = self.reference.read_bytes()
        entry = SeqRecord(Seq(self.genome), "g", "g", annotations={"molecule_type": "DNA"})
        self.whole["ref.gb"] = entry.format("genbank").encode()

    def _alignments(self, path, mode, starts):
        header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "RG": [{"ID": "1", "SM": "s"}]}
        header["SQ"] = [{"SN": "g", "LN": len(self.genome)}]
        reference = str(self.reference)
        with pysam.AlignmentFile(
            str(path), mode, header=header, reference_filename=reference
        ) as out:
            for number, start in enumerate(sorted(starts)):
                record = pysam.AlignedSegment(out.header)
                record.query_name, record.reference_id = f"r{number}", 0
                record.reference_start, record.mapping_quality = start, 60
                record.flag = 16 if number % 2 else 0
                record.cigarstring = "80M"
                record.query_sequence = self.genome[start : start + 80]
                record.query_qualities = [30] * 80
                out.write(record)
        pysam.index(str(path))
        return path.read_bytes()

    def _graph(self):
        lines = ["H\tVN:Z:1.0"]
        steps = range(0, 1400, 50)
        lines += [f"S\ts{i}\t{self.genome[p : p + 70]}\tdp:f:{i}.5" for i, p in enumerate(steps)]
        lines += [f"L\ts{i}\t+\ts{i + 1}\t+\t20M" for i in range(len(steps) - 1)]
        return "\n".join([*lines, "P\tp\ts0+,s1+\t*", ""]).encode()

    def _table(self):
        words = {self.genome[i : i + K] for i in range(len(self.genome) - K)}
        words = sorted({min(word, complement(word)) for word in words})
        return "".join(f"{word} {i + 1}\n" for i, word in enumerate(words)).encode()

    def _variants(self, places):
        head = f"##fileformat=VCFv4.2\n##contig=<ID=g,length={len(self.genome)}>\n"
        rows = "".join(
            f"g\t{p + 1}\t.\t{self.genome[p]}\t{complement(self.genome[p])}\t.\t.\t.\n"
            for p in places
        )
        return (head + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows).encode()


def mutated(data, draw):
    """The bytes with some damage."""
    for _ in range(draw.choice([1, 1, 2, 6])):
        at = draw.randrange(len(data) + 1)
        size = draw.choice([1, 1, 3, 20, 300])
        data = draw.choice(DAMAGES)(data[:at], data[at:], size, draw)
    return data


def _letter(head, tail, size, draw):
    """Another base, or another digit."""
    at = next((i for i in range(len(tail)) if tail[i : i + 1].isalnum()), 0)
    alike = b"0123456789" if tail[at : at + 1].isdigit() else b"ACGTNRUacgtn"
    return head + tail[:at] + bytes([draw.choice(alike)]) + tail[at + 1 :]


def _flip(head, tail, size, draw):
    return head + bytes([byte ^ 1 << draw.randrange(8) for byte in tail[:1]]) + tail[1:]


def _line(head, tail, size, draw):
    """A line elsewhere, once or twice."""
    lines = (head + tail).splitlines(keepends=True) or [b""]
    line = lines.pop(draw.randrange(len(lines)))
    lines.insert(draw.randrange(len(lines) + 1), line * draw.choice([1, 2]))
    return b"".join(lines)


def _behind(head, tail, size, draw):
    return head + tail + draw.choice([b"\n", bytes(size), draw.randbytes(size), head + tail])


DAMAGES = (
    *[_letter] * 6,
    _flip,
    _line,
    _behind,
    lambda head, tail, size, draw: head + draw.randbytes(1) + tail[1:],
    lambda head, tail, size, draw: head + tail[size:],
    lambda head, tail, size, draw: head + draw.choice(SNIPPETS) + tail,
    lambda head, tail, size, draw: head + draw.choice(SNIPPETS) + tail,
    lambda head, tail, size, draw: head + draw.randbytes(size) + tail,
    lambda head, tail, size, draw: head + bytes(len(tail[:size])) + tail[size:],
    lambda head, tail, size, draw: head + tail[:size] + tail,
    lambda head, tail, size, draw: head,
    lambda head, tail, size, draw: (head + tail)[:-size],
    lambda head, tail, size, draw: (head + tail).replace(b"\n", b"\r\n"),
)
SNIPPETS = (
    b"\n", b"\r\n", b"\n\n\n", b" ", b"\t", b"\t\t", b"N" * 30, b"U", b"=", b"*", b".", b"@", b">",
    b"+\n", b"#x\n", "é".encode(), b"\xff", b"\x1b]0;x\x07", b"-1", b"99999999999999999999",
    b"1e999", b"nan", b"acgt", b"\x00" * 4, b"\x00" * 512, b"\x1f\x8b\x08", b"A\tx\t0\n", b"GFA",
    b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00\x1b\x00\x03" + bytes(9),
)  # fmt: skip


def make(inputs, kind, draw):
    """Bytes of a damaged file: the text behind a compression, or what lies on the disk."""
    whole = inputs.whole[kind]
    packing = kind.rsplit(".")[-1]
    if packing in PACK and draw.random() < 0.4:
        return PACK[packing](mutated(inputs.whole["fq"], draw))
    if kind.endswith("bam") and draw.random() < 0.7:
        if draw.random() < 0.7 and (records := packed_as_bam(mutated(inputs.sam, draw))):
            return records
        return packed_as_bgzf(mutated(gzip.decompress(whole), draw))
    return mutated(whole, draw)


def packed_as_bam(text):
    """BAM of SAM; None where samtools refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        sam, bam = Path(folder) / "a.sam", Path(folder) / "a.bam"
        sam.write_bytes(text)
        try:
            with quiet_htslib():
                pysam.view("-b", "-o", str(bam), str(sam), catch_stdout=False)
        except pysam.SamtoolsError:
            return None
        return bam.read_bytes()


def packed_as_bgzf(data):
    with tempfile.NamedTemporaryFile() as file:
        with pysam.BGZFile(file.name, "w") as out:
            out.write(data)
        return Path(file.name).read_bytes()


def command(inputs, kind, path, out, draw):
    """The command line, and the outputs that it names."""
    threads = str(draw.choice([1, 2]))
    more = ["--reference", str(inputs.reference)] if kind == "cram" else []
    table = out / "out.json"
    if kind == "inspect.bam":
        (path.parent / f"{path.name}.bai").write_bytes(inputs.index)
        if draw.random() < 0.8:
            with quiet_htslib(), contextlib.suppress(pysam.SamtoolsError):
                pysam.index(str(path))
        argv = ["inspect", path, "-r", "g:200-900", "-o", out / "inspected", "-t", threads]
        return argv, [out / "inspected"]
    cutoff = ["--corrector", "cutoff", "--no-spikes", "-k", K]
    if kind == "ref.fa" and draw.random() < 0.3:
        argv = ["inspect", inputs.alignments, "-r", "g:200-900", "--reference", path]
        return [*argv, "-o", out / "inspected"], [out / "inspected"]
    if kind in ("ref.fa", "ref.gb"):
        argv = ["correct", inputs.good, "--protect", inputs.variants, "--reference", path]
        return [*argv, "-o", out / "o.fq", *cutoff], [out / "o.fq"]
    if kind in ("gfa", "kmers"):
        return ["graph", path, "-o", out / "o.gfa", "--json", table], [out / "o.gfa", table]
    if kind in ("bed", "vcf"):
        argv = ["correct", inputs.good, "--protect", path, "--reference", inputs.reference]
        return [*argv, "-o", out / "o.fq", *cutoff], [out / "o.fq"]
    if draw.random() < 0.2:
        argv = ["correct", path, "-o", out / "o.fq", "-t", threads, *more, *cutoff]
        return argv, [out / "o.fq"]
    argv = ["count", path, "-o", out / "k.fa", "--json", table, "-k", K, "-t", threads, *more]
    return argv, [out / "k.fa", table]


def sequences(kind, path):
    """Lengths of the reads of a file, by other people's parsers; None where they stop."""
    data = path.read_bytes()
    try:
        if kind.endswith(("bam", "cram")):
            options = {"check_sq": False, "reference_filename": str(path.parent / "g.fa")}
            with quiet_htslib(), pysam.AlignmentFile(str(path), **options) as file:
                return [len(r.query_sequence or "") for r in file if not r.flag & 0xF00]
        packing = kind.rsplit(".")[-1]
        text = UNPACK[packing](data) if data.startswith(MAGIC.get(packing, b"\x00\x01")) else data
    except DAMAGED:
        return None
    lines = [line.strip() for line in text.split(b"\n")]
    if text.lstrip()[:1] != b"@":
        lengths = []
        for line in lines:
            if line.startswith(b">"):
                lengths.append(0)
            elif line and not line.startswith(b"#") and lengths:
                lengths[-1] += len(b"".join(line.split()))
        return lengths
    names = [i for i, line in enumerate(lines) if line]
    return None if len(names) % 4 else [len(lines[i]) for i in names[1::4]]


MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\x00"}


def unbalanced(inputs, kind, argv, path, out, said):
    """What does not add up after exit code 0; nothing where all does."""
    if kind in ("bed", "vcf"):
        return _unbalanced_list(kind, path, said)
    if kind == "gfa":
        return _unbalanced_graph(path, out, said)
    if kind == "kmers":
        kmers = json.loads((out / "out.json").read_text())["ambiguity"]["kmers"]
        words = re.findall(rb"[ACGTUacgtu]{11,}", path.read_bytes())
        distinct = {
            min(w, complement(w))
            for w in (word.decode().upper().replace("U", "T") for word in words)
        }
        return f"{len(distinct)} k-mers in, {kmers} out" if kmers != len(distinct) else ""
    if argv[0] == "inspect":
        return ""
    if kind.startswith("ref."):
        return "" if " 30 alleles protected" in said else "30 alleles in"
    lengths = sequences(kind, path)
    behind = "behind the compressed data" in said
    if argv[0] == "correct":
        text = (out / "o.fq").read_bytes()
        marks = text.count(b"\n>") + 1 if text[:1] == b">" else text.count(b"\n") // 4
        if lengths is not None and not behind and marks != len(lengths):
            return f"{len(lengths)} reads in, {marks} out"
        return ""
    report = json.loads((out / "out.json").read_text())
    kmers = report["kmers"]
    reads = {key: sum(one[key] for one in report["inputs"]) for key in ("reads", "bases")}
    counts = re.findall(rb">(\d+)", (out / "k.fa").read_bytes())
    if sum(map(int, counts)) != kmers["kmers"]:
        return f"{kmers['kmers']} k-mers counted, {sum(map(int, counts))} written"
    if lengths is None or behind:
        return ""
    windows = sum(max(0, length - K + 1) for length in lengths)
    if (reads["reads"], reads["bases"]) != (len(lengths), sum(lengths)):
        return f"{len(lengths)} reads of {sum(lengths)} bases in, {reads} said"
    if windows != kmers["kmers"] + kmers["skipped_kmers"]:
        return f"{windows} windows in, {kmers} said"
    return ""


def _unbalanced_list(kind, path, said):
    data = path.read_bytes()
    lines = [line for line in data.split(b"\n") if line.strip() and not line.startswith(b"#")]
    told = re.search(r"([\d,]+) (?:alleles|regions) protected(?:; ([\d,]+) cannot)?", said)
    if told is None:
        return "nothing said of the list"
    if kind == "vcf":
        given = sum(len(line.split(b"\t")[4].split(b",")) for line in lines if b"\t" in line)
    else:
        given = len([line for line in lines if not line.startswith((b"track", b"browser"))])
    held = sum(int((number or "0").replace(",", "")) for number in told.groups())
    # Alleles given twice are one.
    return f"{given} in, {held} said" if held > given or held < len(set(lines)) - 1 else ""


def _unbalanced_graph(path, out, said):
    kinds = collections.Counter(line[:1] for line in path.read_bytes().split(b"\n") if line.strip())
    written = (out / "o.gfa").read_bytes()
    segments = written.count(b"\nS\t") + written.startswith(b"S\t")
    if segments != kinds[b"S"]:
        return f"{kinds[b'S']} segments in, {segments} out"
    told = re.search(r"not in any output: (.*) lines", said)
    passed = sum(
        int(n.replace(",", "")) for n in re.findall(r"(\d[\d,]*) \w", told[1] if told else "")
    )
    others = sum(n for kind, n in kinds.items() if kind not in (b"H", b"S", b"L", b"#"))
    return f"{others} other lines in, {passed} said" if passed != others else ""


def run_one(argv, errors):
    """Exit code of a command line in a child; None if it did not end in time."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", "backslashreplace")
            from dbgclean.__main__ import main

            code = main([str(word) for word in argv])
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    ends = time.monotonic() + LIMIT
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def judge(inputs, kind, argv, outputs, path, out):
    """Run and return (exit code, what is wrong or nothing)."""
    errors = out / "errors"
    code = run_one(argv, str(errors))
    said = errors.read_text("utf-8", "backslashreplace") if errors.exists() else ""
    last = said.strip().rsplit("\n", 1)[-1]
    if code is None:
        return code, f"no end within {LIMIT} s"
    if "Traceback" in said or code not in (0, 1, 2):
        return code, f"exit code {code}: {last}"
    if code == 0:
        lacking = [output.name for output in outputs if not output.exists()]
        wrong = f"no {lacking}" if lacking else unbalanced(inputs, kind, argv, path, out, said)
        return code, wrong
    lines = [line for line in said.splitlines() if line.startswith("dbgclean: error: ")]
    if len(lines) != 1:
        return code, f"{len(lines)} lines of error: {said[-300:]!r}"
    left = [output.name for output in outputs if output.exists()]
    return code, f"exit code {code}, and there is {left}" if left else ""


def run(mutations, seed, keep=None, only=None):
    """Run a number of damaged files; return exit codes by format, and the failures."""
    codes = collections.Counter()
    failures = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        inputs = Inputs(folder)
        kinds = sorted(only or inputs.whole)
        for number in range(mutations):
            kind = kinds[number % len(kinds)]
            draw = random.Random(f"{seed}/{number}")
            out = folder / str(number)
            out.mkdir()
            (out / "g.fa").write_bytes(inputs.reference.read_bytes())
            path = out / f"in.{kind}"
            path.write_bytes(make(inputs, kind, draw))
            argv, outputs = command(inputs, kind, path, out, draw)
            code, wrong = judge(inputs, kind, argv, outputs, path, out)
            codes[kind, code] += 1
            if wrong:
                failures.append(f"seed {seed}, number {number}, {kind}: {argv[0]}: {wrong}")
                if keep:
                    Path(keep).mkdir(exist_ok=True, parents=True)
                    (Path(keep) / f"{seed}-{number}-{path.name}").write_bytes(path.read_bytes())
            for left in sorted(out.rglob("*"), reverse=True):
                left.rmdir() if left.is_dir() else left.unlink()
            out.rmdir()
    return codes, failures


def warm(inputs_folder):
    """Load what every child would load again, in this process: each verb once."""
    from dbgclean.__main__ import main

    folder = Path(inputs_folder)
    inputs = Inputs(folder)
    for kind, data in inputs.whole.items():
        path = folder / f"warm.{kind}"
        path.write_bytes(data)
        draw = random.Random(kind == "fq")
        argv, _ = command(inputs, kind, path, folder, draw)
        code = main([*(str(word) for word in argv), "-q"])
        assert code == 0, f"the whole {kind} is refused"
        for left in ("o.fq", "k.fa", "o.gfa", "out.json"):
            (folder / left).unlink(missing_ok=True)


def main_cli():
    """Print exit codes by format and what failed; exit with 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="copy files that fail into this folder")
    parser.add_argument("--kinds", nargs="+", help="these formats only")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        warm(folder)
    began = time.monotonic()
    codes, failures = run(args.mutations, args.seed, args.keep, args.kinds)
    for kind in sorted({kind for kind, _ in codes}):
        row = {str(code): n for (k, code), n in sorted(codes.items(), key=str) if k == kind}
        print(f"{kind:12} {row}")
    print("\n".join(failures))
    print(f"{args.mutations} mutations, {len(failures)} failures, {time.monotonic() - began:.0f} s")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main_cli()
