"""Registries: names that do not exist, entries set by hand, entries of other packages, and all of them in worker processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from pydantic import BaseModel

import riskradar
from riskradar import config, features, layers, measures, models
from riskradar.errors import UsageError
from riskradar.features import FeaturesConfig
from riskradar.layers import LAYERS, LayerKind, LayersConfig, kind_of, settings_of
from riskradar.measures import MEASURES, MeasuresConfig
from riskradar.models import MODELS, ModelsConfig
from riskradar.registry import carried
from riskradar.tables import Graphs, Groups, Panel
from tests.markets import panel, walk

SMALL = panel(walk(80, 4, 0))


class PairsConfig(BaseModel, frozen=True, extra="forbid"):
    size: int = 2


def pairs(market: Panel, config: PairsConfig) -> Groups:
    """Neighbours in the alphabet are joined."""
    codes = np.arange(len(market.assets), dtype=np.int16) // config.size
    return Groups(np.where(market.member, codes, np.int16(-1)))


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYERS, "pairs", LayerKind(pairs, lambda config: 1, "neighbours in the alphabet", settings=PairsConfig))


def no_graphs() -> Graphs:
    return Graphs(SMALL.dates, SMALL.assets, {}, {})


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: features.build(SMALL, FeaturesConfig(node=("retrun",))), ["features.node", "'return'"]),
        (lambda: features.build(SMALL, FeaturesConfig(node=("vix",))), ["features.node", "features.context"]),
        (lambda: layers.build(SMALL, LayersConfig(names=("corelation",))), ["layers.names", "'correlation'"]),
        (lambda: layers.build(SMALL, LayersConfig(names=("corelation~shuffled",))), ["layers.names", "'correlation'"]),
        (lambda: measures.build(SMALL, no_graphs(), MeasuresConfig(names=("turbulance",))), ["measures.names", "'turbulence'"]),
        (lambda: measures.build(SMALL, no_graphs(), MeasuresConfig(layer="planer")), ["measures.layer", "'planar'"]),
        (lambda: models.make("forrest", ModelsConfig()), ["models.names", "'forest'"]),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(use: object, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        use()  # type: ignore[operator]
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("registry", [features.FEATURES, LAYERS, MEASURES, MODELS])
def test_an_entry_of_another_kind_is_refused(registry: object) -> None:
    with pytest.raises(UsageError, match="is a int; set a"):
        registry["mine"] = 3  # type: ignore[index]
    assert "mine" not in registry  # type: ignore[operator]


@pytest.mark.usefixtures("own")
def test_settings_of_an_own_layer_are_checked_recorded_and_hashed() -> None:
    made = config.load("tiny", None, ["layers.names=['pairs']", "layers.pairs.size=3"])
    assert settings_of("pairs", made.layers) == PairsConfig(size=3)
    dump = made.model_dump(mode="json")
    assert dump["layers"]["pairs"] == {"size": 3}
    assert config.check(dump, config.Config).hash() == made.hash() != config.load("tiny", None, ["layers.names=['pairs']"]).hash()
    assert settings_of("pairs", LayersConfig(names=("pairs",))) == settings_of("pairs", LayersConfig()) == PairsConfig()
    assert "pairs" not in LayersConfig().model_dump(), "what is not used decides no number"
    for setting, word in (
        ("layers.pairs.siz=3", "layers.pairs.siz"),
        ("layers.pairs.size=x", "layers.pairs.size"),
        ("layers.pears.size=3", "layers.pears"),
    ):
        with pytest.raises(UsageError, match=word):
            config.load("tiny", None, [setting])
    assert "neighbours in the alphabet" in layers.describe("pairs", LayersConfig())


def edges(name: str, config: LayersConfig) -> float:
    return float(layers.build(SMALL, config).layers[name].block(79, 80).sum())


@pytest.mark.usefixtures("own")
def test_a_worker_process_knows_what_was_set_by_hand() -> None:
    """In a process of its own, where this module has set nothing."""
    chosen = LayersConfig.model_validate({"names": ("pairs",), "pairs": {"size": 3}})
    here = edges("pairs", chosen)
    there = Parallel(n_jobs=2)(delayed(carried(edges))("pairs", chosen) for _ in range(2))
    assert there == [here, here] == [6.0, 6.0]
    (again,) = Parallel(n_jobs=2)(delayed(carried(len))(LAYERS.own) for _ in range(1))
    assert again == 1


def test_twins_stand_beside_their_layers_and_have_draws(ragged: Panel) -> None:
    names = ("correlation", "correlation~shuffled", "correlation~shuffled2", "sector~shuffled")
    built = layers.build(ragged, LayersConfig.model_validate({"names": names, "correlation": {"window": 20}}))
    true, first, second = (built.layers[name].block(100, 200) for name in names[:3])
    assert (true.sum(axis=1) == first.sum(axis=1)).all()
    assert (true.sum(axis=1) == second.sum(axis=1)).all()
    assert (true != first).any()
    assert (first != second).any()
    assert settings_of("correlation~shuffled2", LayersConfig()) == LayersConfig().correlation
    assert kind_of("correlation~shuffled").reads(LayersConfig().correlation) == 61
    assert "placebo" in layers.describe("tree~shuffled", LayersConfig())
    bare = layers.build(SMALL, LayersConfig(names=("sector~shuffled",)))
    assert "sector labels" in bare.absent["sector~shuffled"]


@pytest.mark.parametrize("name", ["correlation~shuffled", "residual~shuffled", "sector~shuffled2"])
def test_row_t_of_a_twin_needs_no_more_than_its_layer(name: str, ragged: Panel) -> None:
    kind, settings = kind_of(name), settings_of(name, LayersConfig()).model_copy(update={"window": 20})
    whole = kind.build(ragged, settings)
    assert not isinstance(whole, str)
    for t in range(25, 330, 9):
        window = ragged.rows(max(t + 1 - kind.reads(settings), 0), t + 1)
        cut = kind.build(window, settings)
        row = np.zeros((1, 10, 10)) if isinstance(cut, str) else cut.block(len(window.dates) - 1, len(window.dates))
        assert (row == whole.block(t, t + 1)).all(), t


# Other packages

CODE = """
from riskradar.layers import LayerKind
from riskradar.layers.sector import sector
SECOND = LayerKind(sector, lambda config: 1, "sectors again")
NUMBER = 3
"""
USE = """
from riskradar.errors import UsageError
from riskradar.layers import LAYERS, LayersConfig, kind_of
import sys
try:
    print(sorted(set(LAYERS) - set(LAYERS.entries)), "imported" if "radar_extra" in sys.modules else "not imported")
    print(kind_of(sys.argv[1]).about)
except UsageError as error:
    print("refused:", error)
"""


def used(folder: Path, name: str, **packages: str) -> list[str]:
    """What USE prints where each package of {module: entry point} is installed."""
    for package, point in packages.items():
        (folder / f"{package}.py").write_text(CODE)
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[riskradar.layers]\n{point}\n")
    path = os.pathsep.join([str(folder), str(Path(riskradar.__file__).parent.parent)])
    command = [sys.executable, "-c", USE, name]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


def test_the_layer_of_another_package_is_found_and_imported_when_used(tmp_path: Path) -> None:
    assert used(tmp_path, "second~shuffled", radar_extra="second = radar_extra:SECOND") == [
        "['second'] not imported", "shuffled twin 1 (a placebo: same degrees, weights and life, made-up relations) of: sectors again"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ("sector = radar_extra:SECOND", ["radar_extra", "'sector'", "riskradar has taken"]),
        ("second = radar_extra:NUMBER", ["radar_extra", "'second'", "a int and no LayerKind"]),
        ("second = radar_extra:ABSENT", ["radar_extra", "'second'", "AttributeError"]),
        ("second = nowhere_at_all:SECOND", ["radar_extra", "'second'", "ModuleNotFoundError"]),
    ],
)
def test_what_another_package_gets_wrong_is_refused_in_one_line_that_names_it(point: str, words: list[str], tmp_path: Path) -> None:
    line = used(tmp_path, "second", radar_extra=point)[-1]
    assert line.startswith("refused: the package")
    assert all(word in line for word in words), line


def test_two_packages_with_one_name_are_refused(tmp_path: Path) -> None:
    (line,) = used(tmp_path, "second", radar_extra="second = radar_extra:SECOND", other_extra="second = other_extra:SECOND")
    assert line.startswith("refused: ")
    assert "radar_extra" in line
    assert "other_extra" in line
