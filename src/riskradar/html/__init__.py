"""One self-contained page per run: what it found, how far to trust it, and where that ends."""

from riskradar.html.full import build as full_page
from riskradar.html.page import anchor, build, limits, sentence
from riskradar.html.profiles import profile
from riskradar.html.reasons import sentences

__all__ = ["anchor", "build", "full_page", "limits", "profile", "sentence", "sentences"]
