"""Microsoft.Authorization: permissions, locks and role assignments at any scope."""
