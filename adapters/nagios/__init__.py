"""Nagios Core by its CGIs: problems as signals, and acknowledgements back."""
