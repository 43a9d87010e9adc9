"""How a training went: loss and Hamming over the steps, as SVG."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dbgclean._files import atomic_path
from dbgclean.report.canvas import CHOSEN, GENOME, MUTED, SETTINGS, new_figure, to_svg

__all__ = ["draw_training", "write_training_plots"]

_WHAT = {
    "loss": "cross-entropy (nats)",
    "hamming": "Hamming (share of bases given back wrong)",
}


def draw_training(history: Mapping[str, Sequence[float] | float]) -> dict[str, str]:
    """Draw the loss and the Hamming distance, on training and on held-out rows.

    Parameters
    ----------
    history
        ``steps``, ``loss``, ``hamming``, ``held_out_loss``, ``held_out_hamming`` (one
        value per look) and ``best_step``, as `dbgclean.model.History.to_dict` gives them.

    Returns
    -------
    dict of str to str
        ``loss`` and ``hamming`` to the text of an SVG file, the same for the same history.
    """
    import matplotlib as mpl

    drawn = {}
    with mpl.rc_context(SETTINGS):
        for what, label in _WHAT.items():
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
            drawn[what] = to_svg(figure)
    return drawn


def write_training_plots(
    history: Mapping[str, Sequence[float] | float], folder: str | os.PathLike[str]
) -> list[str]:
    """Write `draw_training`'s pictures as ``folder/NAME.svg``; returns their names."""
    names = []
    for name, svg in draw_training(history).items():
        with atomic_path(Path(folder) / f"{name}.svg") as temporary:
            Path(temporary).write_text(svg, encoding="utf-8")
        names.append(f"{name}.svg")
    return names
