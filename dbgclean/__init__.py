"""dbgclean: De Bruijn graph assembly preprocessing that says what it cost.

Reads are counted into a k-mer spectrum, an evidence-conditioned autoencoder
judges the low-confidence k-mers, the graph is built from what remains, and a
report shows the ambiguity that went beside what its removal cost.
"""

from dbgclean._cache import prepare_cache

__version__ = "0.4.0"

prepare_cache()
