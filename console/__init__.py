"""What a person types and sees: commands, decisions, progress, tables and the report."""
