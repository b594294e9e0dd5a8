"""Microsoft.Insights: what Azure Monitor tells of machines, as far as the churn of their disks goes."""
