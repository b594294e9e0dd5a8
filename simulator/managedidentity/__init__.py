"""Microsoft.ManagedIdentity: identities that machines are assigned."""
