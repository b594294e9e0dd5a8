"""How bad a finding is, and when a rule is asked: the words that rules, findings and plans share."""

from typing import Literal

Severity = Literal["blocking", "warning", "note", "unknown"]
"""A rule says blocking, warning or note; a finding may also say that the rule could not be asked."""
Moment = Literal["start", "guest", "cutover"]
"""`start`: nothing of the virtual machine's own has been written. `guest`: then as well, asked inside the machine.
`cutover`: it is protected, the failover is next."""
