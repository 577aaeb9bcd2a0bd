"""The inside of the simulated Icinga 2: hosts, services, their states, and who drives them in tests."""
