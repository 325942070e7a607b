"""What a pickle describes, found out without loading it.

A pickle is a program, and to load one is to run it. Here its instructions are listed, not obeyed:
Python's ``pickletools`` splits them, and those that put plain values together are followed. What a
pickle wants called is kept as a name with its arguments; no name is ever looked up, no attribute
ever set. Names that the caller does not understand, and instructions that plain data do not need,
are refused.

Source: Python's ``pickletools``, which documents every instruction.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class NotPlainData(ValueError):  # noqa: N818 - what the pickle is
    """The pickle holds more than dicts, lists, numbers, text and what is understood."""


@dataclass(eq=False)
class Call:
    """What the pickle wants made by a call. It is not made.

    Attributes:
        name: Of what is to be called, with its module.
        state: What the result is to be given afterwards.
    """

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def described(pickle: bytes, *, understood: set[str]) -> Any:
    """Return the value that a pickle describes, with ``Call`` for what it would call.

    Args:
        understood: Names that it may want called.

    Raises:
        NotPlainData: If it holds anything else than plain values and such calls, or is torn.
    """
    machine = _Machine(understood)
    try:
        for instruction, argument, _ in pickletools.genops(pickle):
            machine.follow(instruction.name, argument)
        return machine.pop()
    except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotPlainData(f"{error}") from error


def said(value: Any) -> str:
    """Return a few words for a value, for errors."""
    return f"a call of {value.name}" if isinstance(value, Call) else type(value).__name__


@dataclass(frozen=True)
class _Name:
    """Something that the pickle names; it is not looked up."""

    text: str


_MARK = object()


@dataclass
class _Machine:
    """The stack and the memo of values that instructions refer to."""

    understood: set[str]
    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def follow(self, instruction: str, argument: Any) -> None:
        if instruction in _VALUES:
            self.stack.append(argument)
        elif instruction in _CONSTANTS:
            self.stack.append(_CONSTANTS[instruction]())
        elif instruction in _ACTIONS:
            _ACTIONS[instruction](self, argument)
        elif instruction not in _NOTHING_TO_DO:
            raise NotPlainData(f"it asks for {instruction}, which plain data do not need")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise NotPlainData("its instructions do not fit together")
        return value

    def pop_to_mark(self) -> list[Any]:
        """Take the values above the last mark off, and the mark with them."""
        start = len(self.stack) - 1
        while self.stack[start] is not _MARK:  # past the first value: an IndexError
            start -= 1
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def pop_pair(self) -> list[Any]:
        return [self.pop(), self.pop()][::-1]

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise NotPlainData(f"expected {kind.__name__}, not {said(self.stack[-1])}")
        return self.stack[-1]

    def push_tuple(self, length: int) -> None:
        values = [self.pop() for _ in range(length)]
        self.stack.append(tuple(reversed(values)))

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def set_items(self, pairs: list[Any]) -> None:
        filled = self.top(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str | int):
                raise NotPlainData(f"a dict has a {said(key)} for a key")
            filled[key] = value

    def note_call(self) -> None:
        called, arguments = self.pop_pair()
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise NotPlainData("its instructions do not fit together")
        if called.text == _BYTES_AS_TEXT:
            self.stack.append(arguments[0])
        elif called.text == _NO_BYTES and not arguments:
            self.stack.append(b"")
        elif called.text in self.understood:
            self.stack.append(Call(called.text, arguments))
        else:
            raise NotPlainData(f"it would call {called.text:.80}")

    def note_state(self) -> None:
        state = self.pop()
        self.top(Call).state = state

    def keep(self, place: int) -> None:
        self.memo[place] = self.stack[-1]


_BYTES_AS_TEXT = "_codecs.encode"
"""How protocol 2 writes bytes: as text, each letter a byte, to be encoded as latin-1."""
_NO_BYTES = "__builtin__.bytes"
"""How it writes none."""

_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"}
_TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"}
_BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_VALUES = _NUMBERS | _TEXTS | _BYTES
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": lambda: _MARK,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop_pair()),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "GLOBAL": lambda machine, name: machine.stack.append(_Name(name.replace(" ", ".", 1))),
    "STACK_GLOBAL": lambda machine, _: machine.stack.append(_Name(".".join(machine.pop_pair()))),
    "REDUCE": lambda machine, _: machine.note_call(),
    "BUILD": lambda machine, _: machine.note_state(),
    "BINPUT": lambda machine, place: machine.keep(place),
    "LONG_BINPUT": lambda machine, place: machine.keep(place),
    "MEMOIZE": lambda machine, _: machine.keep(len(machine.memo)),
    "BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
}
_NOTHING_TO_DO = {"PROTO", "FRAME", "STOP"}
