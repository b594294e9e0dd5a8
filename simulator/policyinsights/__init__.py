"""Microsoft.PolicyInsights: what Azure Policy would say of a resource that is not there yet."""
