"""The whole engine in one thread, with time and chance under control, against tools that do everything wrong."""
