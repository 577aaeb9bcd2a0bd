"""Conversions between a tool's way of writing a value and the canonical one; each is a pair that agrees with itself."""
