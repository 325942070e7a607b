"""Where flows read and write, as their parameters say it."""

from typing import Annotated

from pydantic import BeforeValidator

from pose_lib.formats.locations import Location, location

Place = Annotated[Location, BeforeValidator(location)]
"""A path or a URL, be it an object or, from a deployment, a text."""
