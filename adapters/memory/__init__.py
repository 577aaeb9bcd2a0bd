"""The reference adapter: a tool that lives in this process, or in one JSON file, and has every power of the port."""
