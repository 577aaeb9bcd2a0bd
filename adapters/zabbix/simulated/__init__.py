"""The inside of the simulated Zabbix: who drives it in tests."""
