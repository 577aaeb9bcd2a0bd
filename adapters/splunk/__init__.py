"""Splunk Enterprise Security: its notable events."""
