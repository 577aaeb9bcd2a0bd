"""The second floor of a simulated world: plugins at work, people who do their acts, and what must come of it."""
