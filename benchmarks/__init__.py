"""Benchmarks: what Tieline can carry, measured beside the floor that the same machine sets in the same run."""
