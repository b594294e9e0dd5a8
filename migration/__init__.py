"""The vocabulary of a migration: pure values, no input or output, no Temporal, no Azure SDK."""
