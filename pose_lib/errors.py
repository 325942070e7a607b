"""Errors whose message is for people: it says what is wrong and what to do."""

_LONGEST = 2000  # a screen; a file's own words in a message can be far longer


class InputError(ValueError):
    """Bad input from a user: one line that says what is wrong, where, and what to do.

    The command line prints the line and exits with 2; anything else is a failure of ours. What a
    message repeats of a file can neither break the line nor command the terminal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def _one_line(message: str) -> str:
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}"
    words = " ".join(message.split())
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)


class RunFailedError(RuntimeError):
    """A run that did not reach its end although its input is fine; one line, as above.

    The command line prints the line and exits with 1.
    """


class TrainingDivergedError(RunFailedError):
    """A training that was stopped since its result would be of no use.

    Attributes:
        hopeless: Whether no limit can be moved to let it go on: there are no numbers left.
    """

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless
