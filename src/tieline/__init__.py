"""Tieline keeps one incident in step across the tools a company already has."""

__version__ = "0.1.0"
