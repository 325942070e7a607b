import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from pose_lib.config import (
    RenamedOptionWarning,
    build_config,
    config_table,
    config_toml,
    read_config,
    with_current_names,
)
from pose_lib.errors import InputError


@dataclass(frozen=True)
class Inner:
    """Settings inside.

    Attributes:
        height: How high it is, in
            pixels.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"tallness": "height"}

    height: int = 368
    scales: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Outer:
    RENAMED: ClassVar[Mapping[str, str]] = {"inside": "inner"}

    inner: Inner = field(default_factory=Inner)
    rate: float = 0.5
    folder: Path | None = None
    quick: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate must be positive, got {self.rate}")


def written(tmp_path, text):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    return path


def test_tables_fill_nested_dataclasses_and_the_rest_keeps_its_default(tmp_path):
    path = written(tmp_path, 'rate = 2\nfolder = "x"\n[inner]\nheight = 184\nscales = [1, 0.5]\n')
    assert read_config(path, Outer) == Outer(Inner(184, (1.0, 0.5)), 2.0, Path("x"))


def test_a_written_config_reads_back_the_same():
    config = Outer(Inner(256, (0.5, 2.0)), 0.25, None, True)
    assert build_config(config_table(config), Outer, where="test") == config


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rat = 1", "unknown option 'rat'; did you mean 'rate'"),
        ("[inner]\nhigh = 1", "inner: unknown option 'high'"),
        ('rate = "fast"', "rate: expected float, got 'fast'"),
        ("[inner]\nheight = true", "height: expected int, got True"),
        ("inner = 3", "inner: expected a table"),
        ("[inner]\nscales = 1.5", "scales: expected a list, got 1.5"),
        ('[inner]\nscales = "1.5"', "scales: expected a list, got '1.5'"),
        ("rate = -1", "rate must be positive, got -1.0"),
        ("rate = ", "cannot read the config file"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path, text, complaint):
    with pytest.raises(InputError, match=complaint) as raised:
        read_config(written(tmp_path, text), Outer)
    assert "settings.toml" in str(raised.value)


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.toml"):
        read_config(tmp_path / "absent.toml", Outer)


def test_the_settings_written_as_toml_read_back_the_same(tmp_path):
    config = Outer(Inner(256, (0.5, 2.0)), 0.25, Path('odd "name"'), True)
    assert read_config(written(tmp_path, config_toml(config)), Outer) == config


def test_settings_written_as_toml_say_what_each_option_means():
    assert "# How high it is, in pixels.\nheight = 368" in config_toml(Outer())


def test_a_setting_that_is_not_set_is_left_out_of_the_toml(tmp_path):
    assert read_config(written(tmp_path, config_toml(Outer())), Outer).folder is None


def test_old_names_are_read_with_a_line_that_names_file_old_and_new(tmp_path):
    with pytest.warns(RenamedOptionWarning) as warned:
        config = read_config(written(tmp_path, "[inside]\ntallness = 184\n"), Outer)
    assert config == Outer(Inner(184))
    messages = [str(warning.message) for warning in warned]
    assert len(messages) == 2
    assert all("settings.toml" in message for message in messages)
    assert "'inside' is now 'inner'" in messages[0]
    assert "inner: 'tallness' is now 'height'" in messages[1]


def test_old_names_beside_their_new_ones_are_refused(tmp_path):
    text = "[inner]\ntallness = 184\nheight = 256\n"
    with pytest.raises(InputError, match=r"settings\.toml: inner: 'tallness' is now 'height'"):
        read_config(written(tmp_path, text), Outer)


def test_recorded_settings_of_old_names_are_read_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = with_current_names(
            {"inside": {"tallness": 184}}, Outer, where="a store", warn=lambda _: None
        )
    assert table == {"inner": {"height": 184}}
