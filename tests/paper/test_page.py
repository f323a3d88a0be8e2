import pytest

from riskradar.record import Record
from tests.html.reader import Reader


@pytest.fixture(scope="module")
def read(replicated: Record) -> Reader:
    return Reader((replicated.folder / "report.html").read_text("utf-8"))


def test_every_tag_closes(read: Reader) -> None:
    assert read.crossed == []
    assert read.open == []


def test_nothing_is_fetched_and_nothing_runs(read: Reader) -> None:
    for tag, attributes in read.tags:
        assert tag != "script"
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    for _, _, text in read.raw:
        assert "url(" not in text
        assert "@import" not in text
    policy = next(m["content"] for m in read.of("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "script-src 'none'" in policy


def test_every_figure_and_table_is_there(read: Reader) -> None:
    for words in ("Table 1", "Table 2", "Table 3", "Table 4", *(f"Figure {k}" for k in (5, 8, 9, 10, 11, 12)), "Figures 6 and 7", "Use and misuse"):
        assert words in read.text
    assert "replication" in read.text
    assert "inferred" in read.text


def test_a_number_that_cannot_be_is_struck_out(read: Reader) -> None:
    assert read.of("s")
    assert "undefined: all 41 test rows are positive" in read.text.replace("undefined :", "undefined:")


def test_hostile_names_are_inert(hostile: str) -> None:
    read = Reader(hostile)
    assert read.crossed == []
    assert not read.of("img")
    assert not read.of("script")
    assert "<img src=x" in read.text


def test_page_is_small(replicated: Record) -> None:
    assert (replicated.folder / "report.html").stat().st_size < 1_000_000
