import json

import pytest

from pose_lib.errors import InputError
from pose_lib.extract_config import ExtractConfig
from pose_lib.store import open_store, read_keypoints
from tasks.extract import provenance
from tasks.import_keypoints import import_openpose


def openpose_file(folder, name, people):
    document = {"version": 1.3, "people": [{"pose_keypoints_2d": person} for person in people]}
    (folder / f"{name}_keypoints.json").write_text(json.dumps(document))


def test_openpose_json_becomes_a_store_images_without_people_included(tmp_path):
    folder = tmp_path / "json"
    folder.mkdir()
    openpose_file(folder, "empty", [])
    openpose_file(folder, "person", [[5.0, 6.0, 0.5] * 18])
    keypoints = read_keypoints(import_openpose.fn(folder, tmp_path / "s.zarr"))
    assert keypoints.n_images == 2
    assert keypoints.image.tolist() == [1]


def test_importing_again_replaces_what_was_imported(tmp_path):
    openpose_file(tmp_path, "person", [[5.0, 6.0, 0.5] * 18])
    store = import_openpose.fn(tmp_path / "person_keypoints.json", tmp_path / "s.zarr")
    openpose_file(tmp_path, "person", [[7.0, 8.0, 0.5] * 18] * 2)
    import_openpose.fn(tmp_path / "person_keypoints.json", store)
    assert read_keypoints(store).n_people == 2
    assert read_keypoints(store).keypoints[0, 0, 0] == 7


def test_what_is_no_openpose_json_is_refused_before_anything_is_deleted(tmp_path):
    openpose_file(tmp_path, "person", [[5.0, 6.0, 0.5] * 18])
    store = import_openpose.fn(tmp_path / "person_keypoints.json", tmp_path / "s.zarr")
    (tmp_path / "person_keypoints.json").write_text("[]")
    with pytest.raises(InputError, match="person_keypoints"):
        import_openpose.fn(tmp_path / "person_keypoints.json", store)
    assert read_keypoints(store).n_people == 1


def test_people_who_were_found_in_images_are_never_replaced_by_an_import(tmp_path):
    openpose_file(tmp_path, "person", [[5.0, 6.0, 0.5] * 18])
    open_store(tmp_path / "s.zarr", provenance(ExtractConfig()))
    with pytest.raises(InputError, match="found in images"):
        import_openpose.fn(tmp_path / "person_keypoints.json", tmp_path / "s.zarr")
    assert (tmp_path / "s.zarr").exists()


def test_a_file_name_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "person_keypoints.json"
    path.write_text(json.dumps({"people": [], "image": {"filename": 5}}))
    with pytest.raises(InputError, match="person_keypoints"):
        import_openpose.fn(path, tmp_path / "s.zarr")
