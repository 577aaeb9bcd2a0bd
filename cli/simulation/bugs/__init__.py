"""Planted bugs of the engine, by what they are planted in."""
