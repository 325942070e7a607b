"""Types of the flows' parameters, which a deployment gives as text and tables."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from flows.config import PipelineConfig
from pose_lib.config import build_config
from pose_lib.extract_config import ExtractConfig
from pose_lib.files.locations import Location, location
from pose_lib.lifting.config import TrainConfig

Config = TypeVar("Config")


def _settings(kind: type[Config]) -> BeforeValidator:
    """Have a table read as a config file is: by old names too, and with no unknown option."""

    def read(value: Any) -> Any:
        return build_config(value, kind, where="config") if isinstance(value, Mapping) else value

    return BeforeValidator(read)


PathOrUrl = Annotated[Location, BeforeValidator(location)]
ExtractSettings = Annotated[ExtractConfig, _settings(ExtractConfig)]
TrainSettings = Annotated[TrainConfig, _settings(TrainConfig)]
PipelineSettings = Annotated[PipelineConfig, _settings(PipelineConfig)]
