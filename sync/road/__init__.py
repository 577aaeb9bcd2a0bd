"""The road of an incident, from a hint to the same words in every tool. Start reading at `road.py`."""
