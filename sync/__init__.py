"""The road of an incident: inbox, read, normalize, reconcile, commit, deliver. Start reading at `road.py`."""
