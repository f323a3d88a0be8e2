"""The store: observations with two clocks, raw payloads and what was refused; it only grows, and alone writes the database."""

from riskradar.store.judge import Receipt
from riskradar.store.store import Store, check
from riskradar.store.view import View

__all__ = ["Receipt", "Store", "View", "check"]
