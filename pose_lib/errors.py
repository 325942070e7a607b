"""Errors whose message is for people: it says what is wrong and what to do."""


class InputError(ValueError):
    """Bad input from a user: one line that says what is wrong, where, and what to do.

    The command line prints the line and exits with 2; anything else is a failure of ours.
    """


class RunFailedError(RuntimeError):
    """A run that did not reach its end although its input is fine; one line, as above.

    The command line prints the line and exits with 1.
    """


class SickTrainingError(RunFailedError):
    """A training that was stopped since its result would be of no use.

    Attributes:
        hopeless: Whether no limit can be moved to let it go on: there are no numbers left.
    """

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless
