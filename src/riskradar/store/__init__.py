"""The store: observations with two clocks, raw payloads and what was refused; it only grows, and alone writes the database."""

from riskradar.store.database import url_of
from riskradar.store.imported import Setting, import_file
from riskradar.store.judge import Receipt
from riskradar.store.soundness import repair, verify
from riskradar.store.store import Store, evening, read
from riskradar.store.view import View

__all__ = ["Receipt", "Setting", "Store", "View", "evening", "import_file", "read", "repair", "url_of", "verify"]
