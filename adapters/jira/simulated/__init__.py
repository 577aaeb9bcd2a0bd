"""The inside of the Jira simulator: its site, workflows, search index, screens and webhooks."""
