"""The rules of preflight: an inventory in, findings out, no input or output.

`catalogue` lists every rule with its severity and what to do; the other modules judge, one for each group of rules;
`engine` runs them all and turns what could not be asked into findings of severity `unknown`.
"""
