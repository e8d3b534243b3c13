"""Parts of other packages: imported with suspicion, so that a broken one is a sentence and harms nothing else.

What a part must be is said by classes: it derives from those that are ordinary (`Part`), and has the members of those
that are protocols (`PowerControl`), with methods that take the same arguments.
"""

import importlib
import inspect
from typing import Any

__all__ = ["BrokenPart", "load_part", "load_target", "shortcoming"]


class BrokenPart(ValueError):
    """A part cannot be used; the message says why, in terms of its module and class."""


def load_target(target: str) -> Any:
    """Return the object that a target "module:object" names.

    >>> load_target("math:tau")
    6.283185307179586
    """
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load_part(target: str, *requirements: str) -> Any:
    """Return the object that a target "module:object" names, if it is what `requirements`, targets of classes, ask.

    Raises
    ------
    BrokenPart : the module cannot be imported, has no such object, or the object is not what is required.
    """
    module, _, attribute = target.partition(":")
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # somebody else's code may raise anything while it is imported
        raise BrokenPart(f"importing {module} failed with {type(error).__name__}: {error}") from error
    part = getattr(imported, attribute, None)
    if part is None:
        raise BrokenPart(f"{module} has no {attribute!r}")
    for required in requirements:
        problem = shortcoming(part, load_target(required))
        if problem:
            raise BrokenPart(f"{attribute} {problem}")
    return part


def shortcoming(part: Any, required: type) -> str:
    """Return why `part` is no class as `required` asks, a base class or a protocol; empty if it is one.

    >>> from typing import Protocol
    >>> class Greeter(Protocol):
    ...     def greet(self, name: str) -> str: ...
    >>> class Rude:
    ...     def greet(self) -> str: ...
    >>> shortcoming(Rude, Greeter)
    'has a method greet() that cannot be called as greet(name)'
    """
    if not isinstance(part, type):
        return "is not a class"
    if not getattr(required, "_is_protocol", False):
        return "" if issubclass(part, required) else f"does not derive from {required.__module__}.{required.__name__}"
    members = {name for name in (*required.__annotations__, *vars(required)) if not name.startswith("_")}
    missing = sorted(members - set(dir(part)) - set(getattr(part, "model_fields", ())))
    if missing:
        return f"lacks {', '.join(missing)}, which {required.__module__}.{required.__name__} asks for"
    for name, method in inspect.getmembers(required, inspect.isfunction):
        problem = "" if name.startswith("_") else _misfit(name, getattr(part, name), method)
        if problem:
            return problem
    return ""


def _misfit(name: str, method: Any, required: Any) -> str:
    """Return why a method cannot stand for the required one; empty if it can be called with the same arguments."""
    if not callable(method):
        return f"has a {name} that is not a method"
    wanted = [parameter for parameter in inspect.signature(required).parameters if parameter != "self"]
    try:
        # As a caller may: each argument in its place.
        inspect.signature(method).bind("self", *wanted)
    except TypeError:
        own = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
        return f"has a method {name}({', '.join(own)}) that cannot be called as {name}({', '.join(wanted)})"
    return ""
