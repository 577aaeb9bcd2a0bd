"""Comments: each once in every copy, never wider than it was written."""
