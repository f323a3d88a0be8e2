"""docs/paper.md names what exists."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "paper.md").read_text("utf-8")
NAMES = sorted(set(re.findall(r"`(riskradar(?:\.\w+)+)`", PAGE)))


@pytest.mark.parametrize("name", NAMES)
def test_every_dotted_name_exists(name: str) -> None:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return
    raise AssertionError(name)


def test_the_page_covers_every_section_and_its_own_roadmap() -> None:
    for item in ("Table 1", "Table 2", "Table 3", "Table 4", "Algorithm 1", "Algorithm 2", "Figures 5 to 12", "appendix A", "appendix B"):
        assert item in PAGE
    lines = set(re.findall(r"^\* (R\d) ", PAGE, re.M))
    assert set(re.findall(r"\b(R\d)\b", PAGE)) == lines
