"""Measurement: what happened, counted."""
