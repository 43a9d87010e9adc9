"""What benchmarks share: command lines, figures as JSON, other people's tools, plots."""
