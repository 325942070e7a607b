"""The `poselift` command."""


def main() -> None:
    """Run the command line."""
