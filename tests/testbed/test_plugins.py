import sys
from typing import ClassVar, Protocol

import pytest

from testbed.plugins import BrokenPart, load_part, shortcoming
from testbed.settings import Part


class Greeter(Protocol):
    loud: ClassVar[bool]

    @property
    def tone(self) -> str: ...

    def greet(self, name: str, times: int) -> str: ...


class Polite:
    loud = False
    tone = "mild"

    def greet(self, name, times):
        return times * name


def changed(**members):
    return type("Changed", (Polite,), members)


def test_a_class_with_the_members_of_a_protocol_satisfies_it():
    assert shortcoming(Polite, Greeter) == ""


def test_settings_count_as_members():
    class Configured(Part):
        loud: bool
        tone: str = "mild"

        def greet(self, name, times):
            return times * name

    assert shortcoming(Configured, Greeter) == ""
    assert shortcoming(Configured, Part) == ""


@pytest.mark.parametrize("name", ["loud", "tone", "greet"])
def test_every_member_is_asked_for(name):
    partial = type("Partial", (), {key: value for key, value in vars(Polite).items() if key != name})
    assert f"lacks {name}, which " in shortcoming(partial, Greeter)


@pytest.mark.parametrize(
    "greet",
    [
        lambda self, name, times: "",
        lambda self, person, number: "",
        lambda self, name, times, mood="good": "",
        lambda self, *arguments: "",
    ],
)
def test_a_method_may_be_called_with_what_the_protocol_says_whatever_else_it_takes(greet):
    assert shortcoming(changed(greet=greet), Greeter) == ""


@pytest.mark.parametrize(
    "greet",
    [
        lambda self: "",
        lambda self, name: "",
        lambda self, name, times, mood: "",
        lambda self, name, *, times: "",
    ],
)
def test_a_method_that_cannot_be_called_so_is_refused(greet):
    assert "that cannot be called as greet(name, times)" in shortcoming(changed(greet=greet), Greeter)


def test_a_method_must_be_one():
    assert shortcoming(changed(greet="hello"), Greeter) == "has a greet that is not a method"


@pytest.mark.parametrize("part", [Polite(), "Polite", None, lambda: Polite()])
def test_what_is_no_class_is_no_part(part):
    assert shortcoming(part, Part) == shortcoming(part, Greeter) == "is not a class"


def test_a_class_that_does_not_derive_from_an_ordinary_class_is_refused():
    assert shortcoming(Polite, Part) == "does not derive from testbed.settings.Part"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import no_such_module", "importing odd failed with ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "importing odd failed with ZeroDivisionError: division by zero"),
        ("part = ", "importing odd failed with SyntaxError: "),
        ("x.y", "importing odd failed with NameError: "),
        ("", "odd has no 'Odd'"),
        ("Odd = 3", "Odd is not a class"),
    ],
)
def test_whatever_happens_on_import_is_one_sentence(code, problem, tmp_path, monkeypatch):
    (tmp_path / "odd.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    with pytest.raises(BrokenPart, match=f"^{problem}"):
        load_part("odd:Odd", "testbed.settings:Part")
    monkeypatch.delitem(sys.modules, "odd", raising=False)


def test_a_whole_part_is_returned():
    assert load_part("channels.fading:StaticFading", "testbed.settings:Part", "channels.fading:Fading").__name__ == (
        "StaticFading"
    )
