"""Which assets are fragile, and how good such forecasts were."""

from __future__ import annotations

from typing import Any

from riskradar import text
from riskradar.html import words
from riskradar.html.inputs import Inputs


def assets(inputs: Inputs) -> dict[str, Any]:
    """The section: the worst forecasts of the last session, percent and share of the asset's own past; empty when the run forecast no asset."""
    told = inputs.about.get("nodes") or {}
    if not told.get("fragile"):
        return {}
    targets, gains = text.gains(inputs.about)
    return {**told["fragile"], "note": told["note"], "day": words.day(told["fragile"]["date"]), "targets": targets, "gains": gains}
