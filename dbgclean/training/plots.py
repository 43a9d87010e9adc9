"""How a training went: loss and Hamming over the steps, as SVG."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dbgclean._files import atomic_path
from dbgclean.report.canvas import CHOSEN, GENOME, MUTED, SETTINGS, new_figure, to_svg

__all__ = ["write_training_plots"]

_WHAT = {
    "loss": "cross-entropy (nats)",
    "hamming": "Hamming (share of bases given back wrong)",
}


def write_training_plots(
    history: Mapping[str, Sequence[float] | float], folder: str | os.PathLike[str], stem: str = ""
) -> None:
    """Draw the loss and the Hamming distance: ``folder/loss.svg`` and ``hamming.svg``.

    Parameters
    ----------
    history
        As `dbgclean.training.optimising.History.to_dict` gives it; the same history gives the
        same bytes.
    stem
        Put in front of the names.
    """
    import matplotlib as mpl

    for what, label in _WHAT.items():
        with mpl.rc_context(SETTINGS):
            figure = new_figure(6.0, 3.6)
            axes = figure.subplots()
            axes.plot(history["steps"], history[what], color=GENOME, label="training")
            axes.plot(history["steps"], history[f"held_out_{what}"], color=CHOSEN, label="held out")
            best = history["best_step"]
            assert isinstance(best, int | float)
            axes.axvline(best, color=MUTED, linestyle=":", label="best on held out")
            axes.set(xlabel="optimiser step", ylabel=label)
            axes.set_ylim(bottom=0)
            axes.legend()
            svg = to_svg(figure)
        with atomic_path(Path(folder) / f"{stem}{what}.svg") as temporary:
            Path(temporary).write_text(svg, encoding="utf-8")
