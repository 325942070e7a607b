"""How the images of a store were extracted, kept so that some can be extracted again alike."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pose_lib.config import build_config, config_table, with_current_names
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location
from pose_lib.person_selection import PersonSelection
from pose_lib.store.provenance import open_root, writing

_ATTRIBUTE = "extraction"


def record_settings(path: str | Location, config: ExtractConfig) -> None:
    """Keep the settings in the store's attributes, unless they are there already."""
    table = _without_none(config_table(config))
    store = open_root(path, "r+")
    if store.attrs.get(_ATTRIBUTE) != table:
        with writing(path):
            store.attrs[_ATTRIBUTE] = table


def record_selection(path: str | Location, selection: PersonSelection) -> None:
    """Keep another selection of people among the settings, where they are kept."""
    if config := read_settings(path):
        record_settings(path, replace(config, selection=selection))


def read_settings(path: str | Location) -> ExtractConfig | None:
    """Return the settings of the last extraction, None if the store does not tell them.

    Raises:
        InputError: If there is no store, or its settings are not those of this version.
    """
    table = open_root(path).attrs.get(_ATTRIBUTE)
    if not isinstance(table, dict):
        return None
    where = f"{path}, attribute {_ATTRIBUTE!r}"
    current = with_current_names(table, ExtractConfig, where=where, warn=lambda _: None)
    return build_config(current, ExtractConfig, where=where)


def recorded_settings(path: str | Location) -> ExtractConfig:
    """Return the settings of the last extraction, the defaults if the store does not tell them."""
    return read_settings(path) or ExtractConfig()


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not set, and make lists of tuples, as JSON gives them back."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            plain[name] = _without_none(value)
        elif value is not None:
            plain[name] = list(value) if isinstance(value, tuple) else value
    return plain
