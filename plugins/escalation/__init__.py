"""Escalation limits: nothing waits unseen. Reminders while time runs out, somebody else when it has, and an alarm that
does not end before somebody takes the incident."""
