import pytest

from riskradar.html import words
from riskradar.tables import Target


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.055, "5.5"), (0.0996, "10"), (0.236, "24"), (0.0, "0"), (0.0002, "<0.1"), (0.997, ">99"), (1.0, "100"), (-0.49, "\u221249")],
)
def test_shares(value: float, text: str):
    assert words.share(value) == f"{text}\u202f%"


@pytest.mark.parametrize(("value", "text"), [(0.061, "+0.06"), (-0.061, "\u22120.06"), (0.004, "0.00"), (-0.004, "0.00")])
def test_differences_carry_their_sign(value: float, text: str):
    assert words.signed(value) == text


@pytest.mark.parametrize(
    ("p", "base", "band", "word"),
    [
        (0.05, 0.06, (0.03, 0.07), "about as likely as usual"),
        (0.30, 0.10, (0.09, 0.40), "about as likely as usual"),
        (0.02, 0.06, (0.01, 0.04), "much less likely than usual"),
        (0.05, 0.06, (0.03, 0.055), "less likely than usual"),
        (0.08, 0.06, (0.07, 0.10), "more likely than usual"),
        (0.12, 0.06, None, "about twice as likely as usual"),
        (0.24, 0.06, None, "4 times as likely as usual"),
        (0.24, 0.28, (0.36, 0.53), "not clearly different from usual"),
        (0.32, 0.28, (0.10, 0.20), "not clearly different from usual"),
    ],
)
def test_the_band_decides_the_word(p: float, base: float, band: tuple[float, float] | None, word: str):
    assert words.likelihood(p, base, band) == word


def test_targets_in_words():
    assert words.fall(Target.parse("20/5")) == "A fall of 5\u202f% or more in the index"
    assert words.brief(Target.parse("60/10")) == "\u2265\u202f10\u202f% in 60 sessions"
    assert words.brief(Target.parse("20/10/share25")) == "\u2265\u202f10\u202f% in 25\u202f% of names in 20 sessions"


def test_days():
    assert words.day("2022-12-30") == "30 Dec 2022"
    assert words.day("missed") == "missed"
