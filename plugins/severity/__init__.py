"""Severity: how bad the incident is that an alert opens."""
