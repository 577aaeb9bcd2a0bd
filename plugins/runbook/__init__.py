"""Steps that are done for an incident: by a runner, one after the other, and a person can take over at any time."""
