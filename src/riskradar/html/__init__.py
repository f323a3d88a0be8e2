"""One self-contained page per run: what it found, how far to trust it, and where that ends."""

from riskradar.html.full import build as full_page
from riskradar.html.page import build, limits, sentence
from riskradar.html.reasons import sentences

__all__ = ["build", "full_page", "limits", "sentence", "sentences"]
