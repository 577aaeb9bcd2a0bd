"""Alertmanager: a source of signals, by webhook and by polling; silenced while somebody works on the incident."""
