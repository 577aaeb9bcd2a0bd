"""The engine's own views: what there is to see without a plugin. They work while the daemon is down."""
