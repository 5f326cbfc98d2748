"""Metrics for Prometheus, if METRICS_ADDRESS is set. All processes of one command write to files in one folder.

A request costs one observation of a histogram, about 2 microseconds. All other metrics are sampled.
"""
