"""What the source was, what the target is, and what the plan wants: the difference, row by row.

`aspects` says what is compared and what is done about each, `compare` makes the rows, `page` writes `docs/parity.md`.
"""
