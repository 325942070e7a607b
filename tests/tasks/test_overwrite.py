"""What an extraction deletes, and when it does not."""

import pytest

from pose_lib.errors import InputError
from pose_lib.extraction import ExtractConfig
from pose_lib.formats.keypoint_store import read_keypoints
from pose_lib.openpose.config import OpenPoseConfig
from tasks.extract import plan_missing_shards, survey_images


def test_a_store_is_not_overwritten_by_an_extraction_that_cannot_begin(
    workspace, annotated_store, tmp_path
):
    before = read_keypoints(annotated_store).n_people
    config = ExtractConfig(openpose=OpenPoseConfig(model="body_25"))
    survey = survey_images.fn(str(tmp_path / "images"), config)
    with pytest.raises(InputError, match="weights of body_25"):
        plan_missing_shards.fn(survey, annotated_store, config, 1, overwrite=True)
    assert read_keypoints(annotated_store).n_people == before
