"""Commands and options that were renamed: for one release the old names answer, with a line."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flows.console import say

COMMANDS = {"proportions": "bone-lengths", "choose": "select"}
OPTIONS = {
    "--wait": "--lock-timeout",
    "--max-failed-share": "--max-failure-rate",
    "--choose": "--select",
}


def current_names(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with old names replaced, and say so on stderr."""
    current = list(arguments)
    at = 0
    while at < len(current) and current[at].startswith("-"):
        at += 2 if current[at] == "--home" else 1
    if at < len(current) and current[at] in COMMANDS:
        current[at] = _renamed(current[at], COMMANDS)
    for place, argument in enumerate(current):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name in OPTIONS:
            current[place] = _renamed(name, OPTIONS) + equals + value
    return current


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show the warning of an option of a file that was renamed as one line on stderr."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        from pose_lib.config import RenamedOptionWarning

        if issubclass(category, RenamedOptionWarning):
            say(f"poselift: {message}")
        else:
            show_as_before(message, category, *where, **more)

    with warnings.catch_warnings():
        show_as_before, warnings.showwarning = warnings.showwarning, show
        yield


def _renamed(old: str, names: dict[str, str]) -> str:
    say(f"poselift: {old} is now {names[old]}; the next release answers only to the new name")
    return names[old]
