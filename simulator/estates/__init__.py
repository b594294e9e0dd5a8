"""Estates as files: from what Azure's tools export to a seed, from a cloud back to one, and made from a number."""
