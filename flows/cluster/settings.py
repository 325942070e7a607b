"""Where workers are started, read from a TOML file: a class of cluster, its options, how many.

The classes are those of Dask and of the packages that build on it. Each package is imported only
where a file names it.
"""

import difflib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from pose_lib.config import read_config
from pose_lib.errors import InputError

ClusterClass = Callable[..., Any]
IsCluster = Callable[[Any], bool]

_SSH = "distributed.SSHCluster"
_EXTRAS = {"dask_jobqueue": "slurm", "dask_kubernetes": "kubernetes", "asyncssh": "ssh"}
"""The extra of this package that brings a module."""


@dataclass(frozen=True)
class ClusterSettings:
    """Which class starts the workers, and how many.

    Attributes:
        cluster: The class's dotted name in an installed package, dask_jobqueue.SLURMCluster say.
        workers: A fixed number of worker processes; by default what the options say.
        minimum: Workers to keep even when there is nothing to do; needs a maximum.
        maximum: Start as many workers as there is work for, up to this number.
        options: Arguments of the class.
    """

    cluster: str = ""
    workers: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "." not in self.cluster:
            raise ValueError(
                f"cluster must be a class's dotted name such as {_SSH!r}, got {self.cluster!r}"
            )
        if not isinstance(self.options, Mapping):
            raise ValueError(f"options must be a table, got {self.options!r}")  # noqa: TRY004 - of a file
        for name in ("workers", "maximum"):
            if (number := getattr(self, name)) is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        if self.workers is not None and self.maximum is not None:
            raise ValueError("give workers, or minimum and maximum, not both")
        if self.minimum is not None and not 0 <= self.minimum <= (self.maximum or -1):
            raise ValueError(
                f"minimum {self.minimum} must lie between 0 and maximum, got {self.maximum}"
            )

    @property
    def planned_workers(self) -> int | None:
        """How many workers there may be, where the settings tell."""
        hosts = self.options.get("hosts", ())  # of SSHCluster; the first is the scheduler's
        return (
            self.workers
            or self.maximum
            or self.options.get("n_workers")
            or max(len(hosts) - 1, 0)
            or None
        )


def read_cluster(path: Path) -> ClusterSettings:
    """Read a cluster's settings.

    Raises:
        InputError: If the file is missing or no TOML, or a setting is unknown or of a wrong kind.
    """
    if not path.is_file():
        raise InputError(
            f"there is no cluster {str(path)!r}: name `local`, a scheduler's address such as "
            "tcp://10.0.0.7:8786, or a TOML file as in deployments/clusters"
        )
    return read_config(path, ClusterSettings)


def cluster_class(settings: ClusterSettings, is_cluster: IsCluster, *, where: str) -> ClusterClass:
    """Import the class that the settings name, and make sure that it knows their options.

    Args:
        is_cluster: Tells whether something with that name starts a cluster.
        where: Origin of the settings, for error messages.

    Raises:
        InputError: If its package is not installed, or it is no cluster, or an option is unknown.
    """
    package = settings.cluster.partition(".")[0]
    _require(package, where)
    if settings.cluster.endswith(".SSHCluster"):
        _require("asyncssh", where)
    module, _, name = settings.cluster.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{where}: there is no {settings.cluster} ({error})") from error
    if not is_cluster(found):
        raise InputError(f"{where}: {settings.cluster} is no class of Dask clusters")
    _refuse_unknown(settings.options, found, where)
    return found


def _require(package: str, where: str) -> None:
    if package in packages_distributions() and importlib.util.find_spec(package):
        return
    extra = _EXTRAS.get(package)
    hint = f'pip install "poselift[{extra}]"' if extra else f"install the package of {package}"
    raise InputError(f"{where}: {package} is not installed; {hint}")


def _refuse_unknown(options: Mapping[str, Any], cluster: ClusterClass, where: str) -> None:
    known = set(_arguments(cluster))
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"{where}: options: {cluster.__name__} takes no {option!r}{hint} "
                f"(it takes {', '.join(sorted(known))})"
            )


def _arguments(called: ClusterClass) -> Iterator[str]:
    """Yield the names of the arguments that a class takes, by itself or for its parents or jobs."""
    kinds: tuple[Any, ...] = (called,)
    if inspect.isclass(called):
        jobs = getattr(called, "job_cls", None)  # dask-jobqueue passes its job's options on
        kinds = (*called.__mro__, *(jobs.__mro__ if jobs else ()))
    for kind in kinds:
        if kind is not object:
            for argument in inspect.signature(kind).parameters.values():
                if argument.kind in (argument.KEYWORD_ONLY, argument.POSITIONAL_OR_KEYWORD):
                    yield argument.name
