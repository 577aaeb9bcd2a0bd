"""Grouping: which alerts belong to one incident."""
