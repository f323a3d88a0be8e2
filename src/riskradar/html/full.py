"""The full protocol as a page of its own."""

from collections.abc import Mapping
from typing import Any

from riskradar.html.page import environment, policy, read
from riskradar.protocol import counts, tables


def build(about: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """One self-contained HTML page: no script, no request, every text inert."""
    page = environment().get_template("full.html")
    return page.render(about=about, found=found, tables=tables(found), counts=counts(found), style=read("templates/page.css"), policy=policy([]))
