"""The evidence-conditioned autoencoder: architecture, weights, prediction.

Takes evidence as plain arrays (``windows``, ``globals_``, ``observed``; shapes of
the arrays in :class:`~dbgclean.model.autoencoder.AutoencoderConfig`) and gives
posteriors over the four bases at each position. Knows nothing of reads, spectra
or verdicts. Torch is imported on first use of a name below, so that importing
``dbgclean.model`` costs nothing; besides, only ``dbgclean.training`` imports it.
"""

from typing import TYPE_CHECKING

from dbgclean._lazy import lazy

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig, predict
    from dbgclean.model.weights import ModelCard, load_model, read_card, save_model

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "ModelCard",
    "load_model",
    "predict",
    "read_card",
    "save_model",
]

_HOME = {
    "Autoencoder": "autoencoder",
    "AutoencoderConfig": "autoencoder",
    "predict": "autoencoder",
    "ModelCard": "weights",
    "load_model": "weights",
    "read_card": "weights",
    "save_model": "weights",
}


__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
