"""The daemon around the road: lanes, their turns, signs of life, metrics."""
