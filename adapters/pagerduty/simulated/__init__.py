"""The inside of the PagerDuty simulator: its account, REST routes, event intake and webhooks."""
