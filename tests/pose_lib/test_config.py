from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pose_lib.config import build_config, config_table, config_toml, read_config
from pose_lib.errors import InputError


@dataclass(frozen=True)
class Inner:
    """Settings inside.

    Attributes:
        height: How high it is, in
            pixels.
    """

    height: int = 368
    scales: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Outer:
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
