"""Durations: how long it takes until somebody takes an incident, and until it is over, from what the journal tells."""
