"""Benchmarks: seeded simulators, and the scripts behind every figure in the README."""
