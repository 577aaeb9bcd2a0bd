"""Zabbix by its JSON-RPC API: problems as signals, and acknowledgements, suppressions and closings back."""
