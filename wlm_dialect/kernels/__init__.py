"""Algorithms on flat arrays: no IR, no machine-specific literals. Compiled by numba where it is installed."""
