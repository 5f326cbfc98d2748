"""Measurements, as ratios in one run: each script prints a table, none judges. See README.md."""
