"""Settings: frozen, typed, checked once at the edge, with messages a person can act on.

A *part* is a frozen settings object that also does its work: `DirichletPartition(alpha=0.3).deal(...)`. A
field that holds a part is annotated with `component(kind)`; in a scenario it is a table with a `kind`, or
just the name:

    partition = { kind = "dirichlet", alpha = 0.3 }        partition = "iid"

Such a field is checked in two steps: its `kind` by the catalogue, then the rest by that kind's own settings.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from testbed import catalogue
from testbed.errors import RequestError, unknown_name
from testbed.units import parse_quantity

__all__ = [
    "BitPerSecond",
    "Bits",
    "Bytes",
    "BytesPerSecond",
    "Decibels",
    "Flop",
    "FlopPerSecond",
    "Fraction",
    "Hertz",
    "Joules",
    "Part",
    "PositiveSeconds",
    "Seconds",
    "Settings",
    "Watts",
    "WattsPerHertz",
    "component",
    "explain",
    "validated",
]


def _quantity(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_quantity(value, unit) if isinstance(value, str | bool) else value)


Seconds = Annotated[float, _quantity("s"), Field(ge=0)]
PositiveSeconds = Annotated[float, _quantity("s"), Field(gt=0)]
Hertz = Annotated[float, _quantity("Hz"), Field(gt=0)]
Watts = Annotated[float, _quantity("W"), Field(ge=0)]
WattsPerHertz = Annotated[float, _quantity("W/Hz"), Field(gt=0)]
Joules = Annotated[float, _quantity("J"), Field(gt=0)]
Bits = Annotated[float, _quantity("bit"), Field(gt=0)]
Bytes = Annotated[float, _quantity("byte"), Field(gt=0)]
BytesPerSecond = Annotated[float, _quantity("byte/s"), Field(gt=0)]
BitPerSecond = Annotated[float, _quantity("bit/s"), Field(gt=0)]
Flop = Annotated[float, _quantity("FLOP"), Field(gt=0)]
FlopPerSecond = Annotated[float, _quantity("FLOP/s"), Field(gt=0)]
Decibels = Annotated[float, _quantity("dB")]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]


class Settings(BaseModel):
    """The base of all settings: frozen, no unknown keys, no infinite or missing numbers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise unknown_name("setting", str(key), [f for f in cls.model_fields if f != "kind"])
        return data


class Part(Settings):
    """The base of all parts: settings with a `kind`, the name by which the catalogue knows it."""

    kind: str = ""

    @classmethod
    def from_table(cls, kind: str, table: Mapping[str, Any]) -> Self:
        """Return the part of this class that `table` (without its `kind`) describes."""
        return cls.model_validate({**table, "kind": kind})


class _ComponentSchema:
    """Teaches pydantic to read and write a field that holds a part of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(_write_part),
        )

    def read(self, value: Any) -> Any:
        if isinstance(value, Part):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping):
            raise RequestError(f"a {self.kind} is a name or a table with a kind, not {value!r}")
        known = ", ".join(catalogue.entries(self.kind))
        kind = value.get("kind")
        if not isinstance(kind, str) or not kind:
            raise RequestError(f"a {self.kind} needs a kind, one of: {known}")
        part_class = catalogue.load(self.kind, kind)
        table = {key: setting for key, setting in value.items() if key != "kind"}
        return part_class.from_table(catalogue.canonical(kind), table)


def _write_part(part: Any) -> Any:
    return part.model_dump() if isinstance(part, BaseModel) else repr(part)


def component(kind: str) -> Any:
    """Return the annotation of a field that holds a part: `Annotated[Grouping, component("grouping")]`."""
    return _ComponentSchema(kind)


def validated(check: Callable[[], Any], where: str = "") -> Any:
    """Return what `check` returns; pydantic's complaints become one `RequestError` under the path `where`."""
    try:
        return check()
    except ValidationError as error:
        raise RequestError(explain(error, where)) from None


def explain(error: ValidationError, where: str = "") -> str:
    """Return the message of a validation error: a line a field, with its path, value and what is allowed."""
    lines: list[str] = []
    for item in error.errors():
        path = ".".join([part for part in (where, *map(str, item["loc"])) if part])
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, Exception):
            lines.append(f"{path}: {cause}" if path else str(cause))
        elif item["type"] == "missing":
            lines.append(f"{path}: this setting is missing")
        else:
            table = item["type"] == "model_type"
            rule = "must be a table" if table else item["msg"].replace("Input should be", "must be")
            lines.append(f"{path} = {item['input']!r}: {rule}" if path else f"{item['input']!r} {rule}")
    return "\n".join(lines)
