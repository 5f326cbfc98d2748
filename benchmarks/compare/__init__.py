"""The shop beside other frameworks, in one run on one machine: `python -m benchmarks.compare`."""
