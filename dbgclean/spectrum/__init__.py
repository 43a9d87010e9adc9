"""Spectrum: batches of reads in, a k-mer table and a model of its abundances out.

`counting` counts canonical k-mers with their strand and quality, `table` holds
and looks them up, `histogram` fits errors and depth, `formats` reads and writes
k-mers and histograms, and `kmers` has the 2-bit codes everything else stands on.

Import from the modules: this package imports none of them, because numba takes
a while to load and the command line must not wait for it.
"""
