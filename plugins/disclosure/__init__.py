"""Disclosure: what may be told to whom."""
