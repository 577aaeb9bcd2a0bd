"""What goes on beside the lanes, in a process of its own: what plugins do by themselves, and what takes long."""
