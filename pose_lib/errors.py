"""The one error that means: the input is at fault, and the message says what to do."""


class InputError(ValueError):
    """Bad input from a user: one line that says what is wrong, where, and what to do.

    The command line prints the line and exits with 2; anything else is a failure of ours.
    """
