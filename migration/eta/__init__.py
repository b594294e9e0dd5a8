"""When a virtual machine, a wave and a plan are done: a range, what it rests on, and why it stands still. Pure."""
