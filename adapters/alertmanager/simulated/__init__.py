"""The inside of the Alertmanager simulator: alerts, silences, inhibition, and the groups it notifies of."""
