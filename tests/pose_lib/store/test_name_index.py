"""Laws of texts by name: a dict in all but its size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_lib.store.name_index import TextsByName


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"]))), st.data())
def test_what_is_asked_for_in_any_order_is_what_a_dict_has(texts, data):
    texts = dict(sorted(texts.items()))
    kept = TextsByName(tuple(texts), texts.values())
    assert dict(kept) == texts
    assert [kept.get(name) for name in [*texts, "other"]] == [*texts.values(), texts.get("other")]
    for name in data.draw(st.permutations([*texts, "other"])):
        assert kept.get(name) == texts.get(name)


def test_there_are_as_many_texts_as_names():
    with pytest.raises(ValueError, match="1 texts for 2 names"):
        TextsByName(("a", "b"), ["one"])


def test_a_hundred_thousand_are_kept_in_blocks():
    names = tuple(f"{number:06}" for number in range(100_000))
    kept = TextsByName(names, iter(names))
    assert all(kept[name] == name for name in names)
