"""Every call to Azure that a run makes or may make, in one table.

`plan` prints it, `roles` makes the least roles of it, and the check holds the identity's permissions against it.
`shared` tells of what virtual machines share, `machine` of one of them, `reads` of what is only read.
"""
