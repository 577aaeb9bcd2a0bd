"""The parts of the ServiceNow simulator: its queries, tables, rules and webhooks."""
