"""The shipped adapters in a world: each with its SDK, over its simulator, in this process and without a socket."""
