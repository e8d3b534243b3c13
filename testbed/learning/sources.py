"""The source behind an object: a digest that changes whenever the code that it runs does.

A result that outlives its process is only good for the code that computed it. The digest of a module covers its
source file and, through the names in its namespace, the source of every module that it uses, and of those that these
use; a library installed beside them counts by its version.

What the digest cannot see: files, environment variables and values that code changes while it runs.
"""

import hashlib
import os
import sys
import sysconfig
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Final

__all__ = ["UnknownSourceError", "source_digest"]

_OURS: Final = __name__.partition(".")[0]  # followed file by file, even where it is installed as a library
_LIBRARIES: Final = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))


class UnknownSourceError(LookupError):
    """No source that is certain to be what runs was found; the message says of what and why."""


@cache
def source_digest(module: str) -> str:
    """Return the SHA-256 in hexadecimal of the source of a loaded module and of everything it reaches.

    Raises
    ------
    UnknownSourceError : a module without a source file (a notebook, a prompt), or one whose file has changed since
        this process began, so that what runs may be older.
    """
    parts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        package = name.partition(".")[0]
        if package in sys.stdlib_module_names and name != "__main__":
            continue
        if _is_library(name):
            parts.setdefault(package, _library_version(package))
        elif name not in parts:
            parts[name] = hashlib.sha256(_source(name)).hexdigest()
            waiting += _reached(sys.modules[name])
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()


def _reached(module: ModuleType) -> list[str]:
    """Return the names of the loaded modules from which the values in a module's namespace come."""
    names: set[object] = set()
    for value in vars(module).values():
        # Of a function or class its own module, also behind a decorator; of any other value that of its class.
        names.add(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None))
    return sorted(name for name in names if isinstance(name, str) and name in sys.modules)


def _is_library(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or name.partition(".")[0] == _OURS:
        return False
    return any(Path(file).resolve().is_relative_to(folder) for folder in _LIBRARIES)


def _library_version(package: str) -> str:
    stated = getattr(sys.modules.get(package), "__version__", None)
    try:
        return str(stated) if stated is not None else version(package)
    except PackageNotFoundError:
        raise UnknownSourceError(f"the library {package} states no version") from None


def _source(name: str) -> bytes:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or not file.endswith(".py"):
        raise UnknownSourceError(f"the module {name} has no source file")
    try:
        if os.stat(file).st_mtime > _process_start_s():
            raise UnknownSourceError(f"{file} has changed since this process began")
        return Path(file).read_bytes()
    except OSError as error:
        raise UnknownSourceError(f"cannot read {file}: {error.strerror}") from None


_IMPORTED_S: Final = time.time()


@cache
def _process_start_s() -> float:
    """Return when this process began [s since 1970]; where the system does not say, when this module was imported."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        # The end of the clock tick in which it began: it had imported nothing yet.
        since_boot_s = (int(fields[19]) + 1) / os.sysconf("SC_CLK_TCK")
        start_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot_s
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED_S
    return min(start_s, _IMPORTED_S)
