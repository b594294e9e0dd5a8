"""How long a move takes, how long its machines stand still, and what it costs: ranges, from sizes and assumptions.

Every number that is not read from Azure stands in a file that the user may edit (`plans/prices.yaml`), with its reason.
"""
