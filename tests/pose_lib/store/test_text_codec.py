import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pose_lib.store.text_codec import use_checked_text

use_checked_text()

TEXT = np.dtypes.StringDType()


def write(path, texts):
    values = np.array(texts, TEXT)
    zarr.create_array(path, data=values, chunks=(len(texts),), compressors=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8")).filter(lambda text: "\0" not in text), min_size=1
    )
)
def test_texts_come_back_the_same(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("texts") / "a.zarr"
    write(path, texts)
    assert zarr.open_array(path)[:].tolist() == texts


@pytest.mark.parametrize("promised", [3, 1 << 20, (1 << 32) - 1])
def test_a_chunk_that_promises_more_texts_than_it_may_hold_is_refused(tmp_path, promised):
    write(tmp_path / "a.zarr", ["a", "b"])
    chunk = tmp_path / "a.zarr" / "c" / "0"
    chunk.write_bytes(promised.to_bytes(4, "little") + chunk.read_bytes()[4:])
    with pytest.raises(ValueError, match=f"promises {promised} texts"):
        zarr.open_array(tmp_path / "a.zarr")[:]
