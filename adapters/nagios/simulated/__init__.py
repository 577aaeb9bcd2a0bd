"""The inside of the simulated Nagios: hosts, services, their states, and who drives them in tests."""
