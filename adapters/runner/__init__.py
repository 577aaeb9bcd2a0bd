"""Speaks to a runner behind HTTP."""
