"""Azure Resource Manager beyond the SDKs: clients, credentials, pipeline policies, reads, jobs and the watcher."""
