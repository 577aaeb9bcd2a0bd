"""Icinga 2 by its API: problems as signals, and acknowledgements back."""
