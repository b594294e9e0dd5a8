"""What a process needs around the work: settings, logs, the Temporal client, and the embedded stack."""
