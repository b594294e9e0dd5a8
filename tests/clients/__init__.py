"""Microsoft's own clients against the simulator, each in an environment of its own."""
