"""Texts that name places, here and elsewhere."""

import pickle
import sys
from pathlib import Path

import pytest

from pose_lib.errors import InputError
from pose_lib.files.locations import is_remote, location


def test_a_local_place_is_a_plain_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("photos", f"{tmp_path}/photos", f"file://{tmp_path}/photos", Path("photos")):
        assert location(text) == tmp_path / "photos"
        assert isinstance(location(text), Path)
        assert not is_remote(location(text))


def test_a_url_keeps_its_form_and_has_the_methods_of_paths():
    store = location("s3://bucket/results/") / "keypoints.zarr"
    assert str(store) == "s3://bucket/results/keypoints.zarr"
    assert is_remote(store)
    assert location(store) is store


def test_a_place_that_was_sent_to_another_process_is_the_same():
    place = location("s3://bucket/photos")
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - our own


def test_what_other_processes_wrote_is_seen_at_once():
    assert not location("s3://bucket/photos").fs.dircache.use_listings_cache


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nowhere://photos", "nowhere:// is no known kind of storage"),
        ("sftp://me:geheim@host/photos", r"sftp://\.\.\.@host holds a password"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url, reason):
    with pytest.raises(InputError, match=reason) as refused:
        location(url)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "package", "command"),
    [("s3", "s3fs", r'pip install "poselift\[s3\]"'), ("gs", "gcsfs", "pip install gcsfs")],
)
def test_a_missing_package_is_named(kind, package, command, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # what Python holds for what is not there
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, kind, raising=False)
    with pytest.raises(InputError, match=command):
        location(f"{kind}://bucket/photos")
