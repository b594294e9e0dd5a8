"""The workflows. `migrate_vm` tells the story of one virtual machine; `migrate_plan` runs a plan's."""
