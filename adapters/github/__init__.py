"""GitHub Issues: the issues of one private repository."""
