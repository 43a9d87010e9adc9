"""The evidence-conditioned autoencoder: architecture, weights, prediction.

Takes evidence as plain arrays (``windows``, ``globals_``, ``observed``; shapes of
the arrays in :class:`~dbgclean.model.config.AutoencoderConfig`) and gives
posteriors over the four bases at each position. Knows nothing of reads, spectra
or verdicts. Torch is imported on first use of `Autoencoder`, which is what is trained; besides,
only ``dbgclean.training`` imports it.
"""

from typing import TYPE_CHECKING

from dbgclean._lazy import lazy

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder
    from dbgclean.model.card import ModelCard, check_model, read_card
    from dbgclean.model.config import AutoencoderConfig
    from dbgclean.model.network import Network, predict
    from dbgclean.model.weights import load_model, save_model

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "ModelCard",
    "Network",
    "check_model",
    "load_model",
    "predict",
    "read_card",
    "save_model",
]

_HOME = {
    "Autoencoder": "autoencoder",
    "AutoencoderConfig": "config",
    "Network": "network",
    "predict": "network",
    "ModelCard": "card",
    "check_model": "card",
    "load_model": "weights",
    "read_card": "card",
    "save_model": "weights",
}


__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
