"""What every model is: `fit` on the past gives a Fitted, and a Fitted scores one day at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float

State = Mapping[str, NDArray[Any]]  # what a Fitted has learned, as named arrays
EVERY_SESSION = 1_000_000  # the history of a model that reads all sessions since the first one


def part(state: State, name: str) -> dict[str, NDArray[Any]]:
    """The arrays that a state holds under `name.`, by the rest of their names."""
    return {key.removeprefix(f"{name}."): array for key, array in state.items() if key.startswith(f"{name}.")}


@dataclass(frozen=True, eq=False)
class Prediction:
    """score and probability of one day, [U, K]; NaN where withheld."""

    score: Float
    probability: Float


class Fitted(Protocol):
    """A model that has learned."""

    @property
    def history(self) -> int:
        """Sessions that one day's score reads, itself included."""
        ...

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """Score the last of the `history` sessions handed in; there are no labels in this signature."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything learned, as named arrays: what is hashed and stored."""
        ...


class Model(Protocol):
    """What the harness trains: frozen settings with one method that returns what it learned."""

    @property
    def refit_years(self) -> int:
        """Years between the refits of a walk-forward."""
        ...

    @property
    def graphs(self) -> bool:
        """True when the model reads graphs."""
        ...

    @property
    def seeds(self) -> bool:
        """True when training draws random numbers."""
        ...

    @property
    def about(self) -> str:
        """One line for the reader."""
        ...

    @property
    def hindsight(self) -> bool:
        """True when it was chosen after seeing the history that it is judged on."""
        ...

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """Why the model cannot run on these tables, or an empty string."""
        ...

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> Fitted:
        """Learn from the labels that are not NaN; the harness has set all others to NaN."""
        ...

    def restore(self, targets: tuple[Target, ...], state: State) -> Fitted:
        """What `fit` gave for these targets, from its `state()`: equal scores, bit for bit."""
        ...


@runtime_checkable
class Stacked(Protocol):
    """A Model that trains several seeds at once for less than their sum."""

    def fit_seeds(self, features: Features, graphs: Graphs, labels: Labels, *, seeds: Sequence[int]) -> Sequence[Fitted]:
        """One Fitted a seed, each as `fit` would make it (probabilities within 1e-6)."""
        ...
