"""A human genome at 30x, on paper and in simulation: what a run on a cluster would take."""
