"""PagerDuty: incidents over REST (v2), alerts and change events over Events API v2, webhooks v3."""
