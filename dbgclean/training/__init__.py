"""Training, in one wing: on a sample's own reads (`train`), and the recipe of the shipped weights.

``injection`` puts alleles and errors into reads, ``examples`` gathers what is seen of them,
``finetune`` learns from it and ``comparison`` says whether that was worth it; ``train`` is the
order of these, ``outputs`` and ``plots`` the folder that comes of it. ``recipe`` fits a network to
examples whose truth is known: the simulators that draw them are `benchmarks.training`. Nothing
but the command line imports this room.
"""
