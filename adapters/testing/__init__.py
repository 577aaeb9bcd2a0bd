"""For authors of adapters: the contract suite, its saboteurs, and the ground that simulators stand on."""
