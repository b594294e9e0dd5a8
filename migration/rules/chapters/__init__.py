"""The chapters of the catalogue: tables of rules, no code. `migration.rules.catalogue` puts them together."""
