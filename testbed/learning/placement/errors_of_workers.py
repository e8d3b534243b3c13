"""Errors on their way from a worker to the run."""

import pickle
import traceback

from testbed.errors import RequestError, RunFailure

__all__ = ["sendable"]


def sendable(error: Exception) -> Exception:
    """Return an error that another process can raise: itself, with where it arose, or else what it says."""
    if not isinstance(error, RunFailure | RequestError):
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - of a class that cannot be sent
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
