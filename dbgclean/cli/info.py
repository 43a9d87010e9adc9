"""Show versions, devices, installed correctors, and the model cards of shipped weights.

Nothing is read or written: this is what to put into a bug report.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dbgclean import __version__
from dbgclean._files import open_text
from dbgclean._versions import LIBRARIES, version_of, versions_yml
from dbgclean.cli import allowed_cpus
from dbgclean.correct.registry import GROUP, available_correctors
from dbgclean.errors import ModelError

MODELS = Path(__file__).parent.parent / "model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``info``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--versions",
        nargs="?",
        const="dbgclean",
        metavar="PROCESS",
        help="print versions alone, as YAML under the name of a process (nf-core's versions.yml). "
        "Default name: dbgclean",
    )


def main(args: argparse.Namespace) -> None:
    """Print what is installed."""
    with open_text("-") as out:
        if args.versions is not None:
            out.write(versions_yml(args.versions))
            return
        facts = collect()
        out.write(json.dumps(facts, indent=2) + "\n" if args.json else render(facts))


def collect() -> dict[str, Any]:
    """Versions, device, threads, correctors and models as plain data."""
    return {
        "dbgclean": __version__,
        "python": sys.version.split()[0],
        "libraries": {name: version_of(name) for name in LIBRARIES},
        "device": _device(),
        "threads": allowed_cpus(),
        "correctors": _correctors(),
        "models": list(_models()),
    }


def render(facts: dict[str, Any]) -> str:
    """Text of `collect`'s facts."""
    lines = [f"dbgclean {facts['dbgclean']}, Python {facts['python']}"]
    lines += [f"device: {facts['device']}; threads: {facts['threads']}", "", "libraries"]
    lines += [f"  {name:<12} {found}" for name, found in facts["libraries"].items()]
    lines += ["", f"correctors (entry points of the group {GROUP})"]
    rows = [("name", "package", "version", "class")]
    rows += [
        (one["name"], one["package"], one["version"], one["class"]) for one in facts["correctors"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        lines.append("  " + "  ".join([*padded, row[3]]))
    for model in facts["models"]:
        lines += ["", f"model {model['name']}"]
        lines += [f"  {line}" for line in _card_lines(model["card"])]
    return "\n".join(lines) + "\n"


def _device() -> str:
    if version_of("torch") == "not installed":
        return "none: torch is not installed"
    from dbgclean.model.autoencoder import best_device

    return "GPU (cuda)" if best_device().type == "cuda" else "CPU"


def _correctors() -> list[dict[str, str]]:
    # Named, not loaded: a broken plug-in must not keep `info` from showing the others.
    return [
        {"name": one.name, "package": one.package, "version": one.version, "class": one.target}
        for one in available_correctors()
    ]


def _models() -> Iterator[dict[str, Any]]:
    from dbgclean.model import read_card

    for config in sorted((MODELS / "pretrained").rglob("config.toml")):
        name = config.parent.relative_to(MODELS).as_posix()
        try:
            found = read_card(config.parent)
        except ModelError as error:
            yield {"name": name, "card": {"damaged": str(error)}}
            continue
        card = {"network": found.config.to_dict(), **found.card, "sha256": found.sha256}
        yield {"name": name, "card": card}


def _card_lines(card: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in card.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _card_lines(value, indent + "  ")
        else:
            yield f"{indent}{key}: {value}"
