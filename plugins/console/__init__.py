"""The pages that people look at in a browser: what is wrong now, one incident, and the tools."""
