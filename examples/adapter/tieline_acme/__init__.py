"""Tieline's adapter for Acme Desk, a tool that does not exist: a pattern to copy."""
