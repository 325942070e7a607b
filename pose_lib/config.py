"""Settings from TOML files into frozen dataclasses, with errors that name the mistake."""

import dataclasses
import difflib
import inspect
import json
import re
import textwrap
import types
import warnings
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pose_lib.errors import InputError
from pose_lib.files.parsing import read_toml

Config = TypeVar("Config")

_INTEGER_BITS = 63  # as TOML promises; Python's parser takes integers of any length


class RenamedOptionWarning(FutureWarning):
    """An option is given by its old name, which the next release no longer reads."""


def read_config(path: Path, kind: type[Config]) -> Config:
    """Read a TOML file into a config dataclass; tables fill nested dataclasses.

    Raises:
        InputError: If the file is missing or no TOML, or an option is unknown or of a wrong type.
    """
    table = read_toml(path, "config file")
    return build_config(table, kind, where=str(path))


def build_config(table: Mapping[str, Any], kind: type[Config], *, where: str) -> Config:
    """Make a config dataclass from a table of plain values.

    Args:
        where: The table's origin, for error messages.

    Warns:
        RenamedOptionWarning: Of each option that is given by its old name.
    """
    table = with_current_names(table, kind, where=where)
    types_of = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for option in table:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"{where}: unknown option {option!r}{hint} (known: {', '.join(known)})"
            )
    values = {
        option: _value(value, types_of[option], f"{where}: {option}")
        for option, value in table.items()
    }
    try:
        return kind(**values)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def with_current_names(
    table: Mapping[str, Any],
    kind: type,
    *,
    where: str,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return the table of a config dataclass with its renamed options under their new names.

    A dataclass lists them as ``RENAMED: ClassVar[Mapping[str, str]]``, old name to new, which may
    be that of a nested table.

    Args:
        where: The table's origin, for messages.
        warn: Called with a line for each old name; by default it is a `RenamedOptionWarning`.

    Raises:
        InputError: If an option is given by both names.
    """
    warn = warn or partial(warnings.warn, category=RenamedOptionWarning)
    renamed: Mapping[str, str] = getattr(kind, "RENAMED", {})
    types_of = get_type_hints(kind)
    current: dict[str, Any] = {}
    for name, value in table.items():
        option = renamed.get(name, name)
        if option != name and option in table:
            raise InputError(f"{where}: {name!r} is now {option!r}; give only {option!r}")
        if option != name:
            warn(f"{where}: {name!r} is now {option!r}; the next release reads only the new name")
        inner = types_of.get(option)
        if dataclasses.is_dataclass(inner) and isinstance(value, Mapping):
            assert isinstance(inner, type)
            value = with_current_names(value, inner, where=f"{where}: {option}", warn=warn)
        current[option] = value
    return current


def config_table(config: Any) -> dict[str, Any]:
    """Return the config as plain nested values, as stored beside results."""
    return dataclasses.asdict(config)


def config_toml(config: Any, table: str = "") -> str:
    """Write a config dataclass as TOML that `read_config` reads, each option with its doc.

    An option that is None is left out as a comment, for TOML has no such value.
    """
    docs = _attribute_docs(type(config))
    lines, nested = [f"[{table}]"] if table else [], []
    for option in dataclasses.fields(config):
        value = getattr(config, option.name)
        comment = textwrap.wrap(
            docs.get(option.name, ""), 90, initial_indent="# ", subsequent_indent="# "
        )
        if dataclasses.is_dataclass(value):
            name = f"{table}.{option.name}" if table else option.name
            nested.append("\n".join([*comment, config_toml(value, name)]))
        else:
            lines += [
                *comment,
                f"{option.name} = {_toml(value)}" if value is not None else f"# {option.name} =",
            ]
    return "\n".join([*lines, "", *nested])


def _value(value: Any, kind: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected a table, got {value!r}")
        return build_config(value, kind, where=where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{where}: expected a list, got {value!r}")
        return tuple(_value(item, get_args(kind)[0], where) for item in value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(value, kind, where)
    allowed = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise InputError(f"{where}: a number of {value.bit_length()} bits is far too large")
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"{where}: a text with a letter of code 0")
    if Path in allowed and isinstance(value, str):
        return Path(value)
    plain = tuple(item for item in allowed if isinstance(item, type))
    if (plain and not isinstance(value, plain)) or (
        isinstance(value, bool) and bool not in allowed
    ):
        names = " or ".join(item.__name__ for item in plain)
        raise InputError(f"{where}: expected {names}, got {value!r}")
    return value


def _choice(value: Any, kind: type[Enum], where: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(item.value) for item in kind)
        raise InputError(f"{where}: expected one of {known}, got {value!r}") from None


def _attribute_docs(kind: type) -> dict[str, str]:
    """Return what the class's docstring says of each attribute."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    docs: dict[str, str] = {}
    for line in section.splitlines():
        if found := re.match(r"    (\w+): (.*)", line):
            name = found[1]
            docs[name] = found[2]
        elif docs and line.startswith("     "):
            docs[name] += " " + line.strip()
    return docs


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)  # a TOML basic string is a JSON string
    return json.dumps(value)
