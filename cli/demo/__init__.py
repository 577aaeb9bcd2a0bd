"""The demo: the real daemon, the real adapters and their SDKs, against simulated tools, with recorded alerts."""
