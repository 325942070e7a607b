"""What is put on a flow run's page."""

import pytest

from tasks import artifacts
from tasks.artifacts import (
    MAX_PICTURE_BYTES,
    Picture,
    show_ledger,
    show_pictures,
    show_table,
)
from tasks.extract import LedgerCounts


@pytest.fixture
def page(monkeypatch):
    """What would be sent to Prefect, by key."""
    sent = {}

    def keep(text, *, key, description=None):
        sent[key] = text

    monkeypatch.setattr(artifacts, "create_markdown_artifact", keep)
    return sent


def test_a_ledger_is_counts_and_reasons_whatever_characters_are_in_them(page):
    show_ledger(LedgerCounts(3, 5, {"ok": 2, "unreadable": 1}, (("a|b.jpg", "cut\nshort | at 7"),)))
    assert "5 people in 3 images" in page["ledger"]
    assert "| ok | 2 |" in page["ledger"]
    assert r"| `a\|b.jpg` | cut short \| at 7 |" in page["ledger"]


def test_pictures_lie_inside_the_text(page):
    show_pictures([Picture("first", b"1"), Picture("second", b"2")], key="poses", title="Poses")
    assert page["poses"].index("first") < page["poses"].index("second")
    assert "data:image/png;base64,MQ==" in page["poses"]


def test_a_picture_too_large_for_prefects_database_is_refused(page):
    large = Picture("huge.jpg", bytes(MAX_PICTURE_BYTES + 1))
    with pytest.raises(ValueError, match=r"huge\.jpg: 100001 bytes"):
        show_pictures([large], key="poses", title="Poses")
    assert page == {}


def test_a_table_has_a_row_for_each_value(page):
    show_table({"loss": "0.5", "people": "7"}, key="training", title="Training")
    assert "| loss | 0.5 |\n| people | 7 |" in page["training"]


def test_what_a_file_is_called_is_no_html_on_a_page(page):
    name = "`<img src=x onerror=alert(1)>`.jpg"
    show_ledger(LedgerCounts(1, 0, {"unreadable": 1}, ((name, "<b>why</b>"),)))
    show_pictures([Picture(name, b"1")], key="poses", title="Poses")
    assert not any("<" in text for text in page.values())
