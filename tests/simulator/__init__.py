"""Tests of the simulator, through real clients over TLS."""
