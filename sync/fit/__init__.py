"""A mapping beside the live tool: what is asked before the first word, kept fitted, and held where it does not fit."""
