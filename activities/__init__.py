"""The activities: one module per chapter of Microsoft's tutorial, one verb_noun method per step.

Each reads Azure, decides, and writes at most once, so that it may be killed and run again anywhere.
"""
