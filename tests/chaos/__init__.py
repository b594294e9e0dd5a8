"""Faults everywhere, and a checker of its own that judges what came of them."""
