"""For authors of plugins: the contract that what a plugin offers is held against, and its saboteurs."""

from tieline.sync.testing.contract import PluginContract

__all__ = ["PluginContract"]
