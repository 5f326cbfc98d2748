"""Benchmarks. Each script prints a table with ratios of values from one run, and passes no verdict. See README.md."""
