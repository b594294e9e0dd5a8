"""What people write instead: scripts with the Azure SDK's own pollers."""
