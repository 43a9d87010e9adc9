"""What a run hands to an assembler, and with which options: the recipes of `docs/assemblers.md`."""
