"""Whom a headline is about: precision first, since a wrong match puts one firm's news on another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_WORDS = (  # tickers that are also words or abbreviations of headlines
    "A AI ALL AM AN ANY ARE AS AT BE BIG BY CAN CAR CEO CFO COST CPI CUT DAY DD DOW EAT ETF EU FAST FED FOR FUN GDP GO GOOD "
    "HAS HE IPO IT KEY LIFE LOVE LOW MAN NEW NEXT NOW OIL ON ONE OPEN OR OUT PEAK PM PLAY POST PRO REAL RUN SAFE SEE SO SUN "
    "TEAM TECH TRUE TV TWO UK UN UP US USA WELL WORK YOU"
)
_COMMON = (  # names of firms that are also words: counted only where the sentence shows a firm
    "Allstate Amazon Apple Block Boston Caterpillar Chase Corning Delta Discover Dollar Gap General Intuitive Key Match Meta "
    "Oracle Progressive Regions Shell Southern Sprint Square Target Travelers Truist Unity Visa Waters Zoom"
)
WORDS, COMMON = frozenset(_WORDS.split()), frozenset(_COMMON.split())
_FIRM_AFTER = re.compile(
    r"(?:'s\b|\s+(?:Inc|Corp|Co|Ltd|PLC|plc|shares?|stock|CEO|CFO|chief|board|bonds|earnings|revenue|profits?|sales|unit|investors|shareholders|executives?|"
    r"to\s+(?:buy|sell|cut|acquire|lay|pay|report|raise|close|open|split|launch|recall)|and\s+[A-Z]\w*|"
    r"(?i:reports?|posts?|says|said|warns|beats?|misses|tops|cuts?|raises|lifts|slashes|plans|agrees|wins|loses|sues|sued|settles|names|hires|lays|halts|"
    r"recalls?|unveils|launches|plunges?|falls?|fell|drops?|slides?|slumps?|sinks?|tumbles?|surges?|soars?|jumps?|rises?|rose|rall(?:y|ies)|gains?|climbs?|"
    r"upgraded|downgraded|faces|withdraws|suspends|announces|expects|sees|considers|explores|buys|acquires|sells))\b)"
)  # fmt: skip
_BROKER_AFTER = re.compile(
    r"(?:'s)?\s+(?:(?:analysts?|economists?|strategists?|survey|note|poll)\b|(?:upgrades?|downgrades?|initiates|reiterates|trims|"
    r"(?:cuts?|raises?|lifts|lowers)\s+(?:its\s+)?(?:price\s+target|rating|target|estimates?)\s+(?:on|for)|"
    r"(?:cuts?|raises?|lifts|lowers)\s+\S+(?:'s)?\s+(?:to\s+(?:buy|sell|hold|neutral|overweight|underweight)|price\s+target|rating|target))\b)",
    re.IGNORECASE,
)
_BROKER_BEFORE = re.compile(
    r"(?:(?:analysts?|economists?|strategists?)\s+(?:at|from)|(?:upgraded|downgraded|cut|raised)(?:\s+to\s+\S+)?\s+(?:at|by)|according\s+to)\s+$",
    re.IGNORECASE,
)
_FIRM_BEFORE = re.compile(r"(?:upgrades?|downgrades?|initiates|buys?|acquires?|sues|stake in|shares of)\s+$", re.IGNORECASE)
_EXCHANGE = r"(?:NASDAQ|NYSE|NYSEARCA|AMEX|LSE|TSX)"
_TICKER = re.compile(
    rf"(?:\$|\b{_EXCHANGE}:\s?)(?P<sure>[A-Z]{{1,5}}(?:\.[A-Z])?)\b|\((?P<bracket>[A-Z]{{2,5}}(?:\.[A-Z])?)\)"
    r"|(?<![\w$.&-])(?P<bare>[A-Z]{3,5})(?![\w&-]|\.[A-Z])"
)


class Names:
    """Finds the assets of a text by ticker and by the names of their firms.

    $T, NYSE: T and (TT) count for every ticker; a bare ticker counts from three letters on, where it is no word and the headline is not in
    capitals throughout. A firm's name counts as a whole, as it is written (the longest one that fits), and one that is also a word only where
    the sentence shows a firm. A bank that merely rates another firm is not what the headline is about.
    """

    def __init__(self, firms: Mapping[str, Sequence[str]]) -> None:
        self._tickers = frozenset(firms)
        self._asset = {name: asset for asset, names in firms.items() for name in names}
        longest = sorted(self._asset, key=len, reverse=True)
        self._name = re.compile(rf"(?<![\w&-])({'|'.join(map(re.escape, longest))})(?![\w&]|-(?!based|led|backed|owned))") if longest else None

    def find(self, text: str) -> tuple[str, ...]:
        """The assets that a text is about, in sorted order."""
        text = text.replace("’", "'")
        return tuple(sorted(self._by_ticker(text) | self._by_name(text)))

    def _by_ticker(self, text: str) -> set[str]:
        shouting = text.upper() == text
        found = set()
        for match in _TICKER.finditer(text):
            word = match["bracket"] or match["bare"]
            doubtful = word in WORDS and shouting if match["bracket"] else word and (word in WORDS or shouting or _rates(text, match))
            if not doubtful and (match["sure"] or word) in self._tickers:
                found.add(match["sure"] or word)
        return found

    def _by_name(self, text: str) -> set[str]:
        if self._name is None:
            return set()
        matches = (m for m in self._name.finditer(text) if not _rates(text, m))
        return {
            self._asset[m[1]] for m in matches
            if m[1] not in COMMON or _FIRM_AFTER.match(text, m.end()) or _FIRM_BEFORE.search(text, 0, m.start())
        }  # fmt: skip


def _rates(text: str, match: re.Match[str]) -> bool:
    """Whether the one found speaks about another firm instead of being spoken about."""
    return bool(_BROKER_AFTER.match(text, match.end()) or _BROKER_BEFORE.search(text, 0, match.start()))
