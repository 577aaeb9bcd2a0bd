"""Speaks to a folder in which runners take jobs and leave results."""
