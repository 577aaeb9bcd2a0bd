"""Prometheus: a source of signals by polling, for installations without Alertmanager, and answers to PromQL."""
