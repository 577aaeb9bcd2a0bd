"""One folder per tool: `adapter.py` is the port, `wire.py` the HTTP and SDK traps, `simulator.py` a double of it."""
