"""What can stop a process before it begins, each said in one sentence with the fix.

RuntimeSetupError            never raised itself
├── SettingsError            an environment variable holds what cannot be used (the input was wrong: exit code 2)
└── TemporalError            the Temporal server (exit code 3)
    ├── TemporalUnreachableError
    └── SearchAttributeError
"""


class RuntimeSetupError(Exception):
    """The base of this module's errors; never raised itself."""


class SettingsError(RuntimeSetupError):
    """An environment variable holds a value that cannot be used."""


class TemporalError(RuntimeSetupError):
    """The Temporal server does not let us work."""


class TemporalUnreachableError(TemporalError):
    """The Temporal server did not answer in time, or refused the connection."""


class SearchAttributeError(TemporalError):
    """A search attribute is missing and may not be registered by this identity."""


def one_line(error: BaseException) -> str:
    """Return what *error* says in one line, and what it is where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
