"""How a process ended, in words."""

import signal

__all__ = ["last_words"]


def last_words(exit_code: int | None) -> str:
    """Return what to say of a process that ended with this code, negative for a signal.

    >>> last_words(-9)
    'was ended by SIGKILL; the machine may have run out of memory'
    """
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "; the machine may have run out of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended with exit code {exit_code}"
