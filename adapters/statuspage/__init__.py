"""Atlassian Statuspage: what everybody reads."""
