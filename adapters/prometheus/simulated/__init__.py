"""A driver for the contract, on the Prometheus simulator."""
