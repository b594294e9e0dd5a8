"""Microsoft.DevTestLab: the schedules that switch machines off, which the portal calls auto-shutdown."""
