"""The thin core: words, ports, hooks, configuration and the store. It knows no tool and no plugin by name."""
