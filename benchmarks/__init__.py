"""Measured figures, each by a command of its own."""
