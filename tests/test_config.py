from pathlib import Path

import pytest

from riskradar import config
from riskradar.errors import UsageError


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[layers.correlation]\nwindow = 30\nthreshold = 0.4\n")
    made = config.load("tiny", file, ["layers.correlation.window=40"])
    assert (made.layers.correlation.window, made.layers.correlation.threshold) == (40, 0.4)
    assert config.load("tiny").layers.correlation.window == 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["layers.correlation.windw=20"], ["layers.correlation.windw", "'window'"]),
        (["lables.targets=['5/3']"], ["lables", "'labels'"]),
        (["layers.correlation.window=0"], ["layers.correlation.window", "greater than or equal to 3"]),
        (["layers.correlation.window=-1"], ["layers.correlation.window"]),
        (["layers.correlation.window=1000000000"], ["layers.correlation.window", "less than or equal"]),
        (["layers.correlation.threshold=1.1"], ["layers.correlation.threshold"]),
        (["layers.correlation.threshold=nonsense"], ["layers.correlation.threshold", "nonsense"]),
        (["no-equals-sign"], ["section.key=value"]),
        (["=3"], ["section.key=value"]),
        (["models.forest.trees=0"], ["models.forest.trees"]),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(settings: list[str], words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        config.load("tiny", None, settings)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


def test_unknown_preset_and_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'standard'"):
        config.load("standart")
    with pytest.raises(UsageError, match="no config file"):
        config.load("tiny", tmp_path / "missing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = 1\na = 2\n")
    with pytest.raises(UsageError, match="cannot be read"):
        config.load("tiny", broken)
    with pytest.raises(UsageError, match="cannot be read"):
        config.load("tiny", tmp_path)


def test_hash_names_what_decides_numbers() -> None:
    base = config.load("tiny")
    assert base.hash() == config.load("tiny", None, ["backtest.jobs=2"]).hash()
    assert base.hash() != config.load("tiny", None, ["evaluate.seed=9"]).hash()


@pytest.mark.parametrize("preset", config.PRESETS)
def test_every_preset_loads(preset: str) -> None:
    assert config.load(preset).preset == preset
