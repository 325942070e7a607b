"""Hashes of files: of their content alone, and of files of any length."""

import tracemalloc

import pytest
from upath import UPath

from pose_lib.files import content_hash
from pose_lib.files.content_hash import TooManyBytesError, content_digest, file_digest
from pose_lib.images.source import ImageSource


@pytest.mark.parametrize("n_bytes", [0, 1, 4, 10, 12])
def test_a_file_hashes_to_what_its_content_does_wherever_it_lies(tmp_path, monkeypatch, n_bytes):
    monkeypatch.setattr(content_hash, "_PART", 4)
    monkeypatch.setattr(content_hash, "_REMOTE_PART", 4)
    content = bytes(range(n_bytes))
    for path in (tmp_path / "a", UPath(f"memory://digests/{n_bytes}")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        assert file_digest(path, max_bytes=n_bytes) == content_digest(content)
        if n_bytes:
            with pytest.raises(TooManyBytesError):
                file_digest(path, max_bytes=n_bytes - 1)


def test_a_large_file_is_hashed_without_being_held_in_memory(tmp_path):
    with (tmp_path / "large.bmp").open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    ImageSource(tmp_path, ("large.bmp",)).digests()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_file_too_large_at_first_is_known_by_its_content_under_a_higher_limit(tmp_path):
    (tmp_path / "a.bmp").write_bytes(bytes(16_000_100))
    small, large = (ImageSource(tmp_path, ("a.bmp",), max_pixels=n) for n in (1, 1000))
    fingerprints = {"a.bmp": "unchanged"}
    known = {"a.bmp": ("unchanged", small.digest("a.bmp"))}
    assert large.digests(fingerprints, known) == {"a.bmp": content_digest(bytes(16_000_100))}
