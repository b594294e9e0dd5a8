"""Microsoft.Resources: subscriptions, locations, resource groups, providers, and lists of everything."""
