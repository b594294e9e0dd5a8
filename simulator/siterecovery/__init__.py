"""Microsoft.RecoveryServices: the vault and Azure-to-Azure Site Recovery, as the recordings show them."""
