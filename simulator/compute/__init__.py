"""Microsoft.Compute: virtual machines, disks, sizes, quotas and the commands that run inside a machine."""
