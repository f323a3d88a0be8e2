"""Registries: what exists, by name. This package brings entries, anyone sets their own, and other packages bring theirs through entry points."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, TypeVar

from riskradar.errors import UsageError

Entry = TypeVar("Entry")
Result = TypeVar("Result")


class Registry(MutableMapping[str, Entry]):
    """Entries of one `kind`, by name: those of this package, those of other packages (entry points of the group `riskradar.NOUN`), those set by hand.

    The entry of another package is imported when it is first read. UsageError, naming the package, when its name is taken, when it cannot be
    imported or when it is of another kind; UsageError when one of another kind is set.
    """

    every: ClassVar[dict[str, "Registry[Any]"]] = {}

    def __init__(self, noun: str, kind: Any, entries: Mapping[str, Entry]) -> None:
        self.noun, self.kind, self.entries = noun, kind, dict(entries)
        self.own: dict[str, Entry] = {}
        Registry.every[noun] = self

    def find(self, name: str, setting: str) -> Entry:
        """One entry; UsageError on an unknown name: the setting that has it, and the nearest name that exists."""
        if name not in self:
            raise UsageError(f"{setting} has {name!r}{near(name, self)}; `riskradar show {self.noun}` lists what exists")
        return self[name]

    @cached_property
    def points(self) -> dict[str, EntryPoint]:
        """The entry points of other packages, none of them imported yet."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=f"riskradar.{self.noun}"):
            if point.name in self.entries or point.name in found:
                taken = "riskradar" if point.name in self.entries else _package(found[point.name])
                raise UsageError(f"{_package(point)} brings {self._says(point)}, a name that {taken} has taken; uninstall one or have it renamed")
            found[point.name] = point
        return found

    def __getitem__(self, name: str) -> Entry:
        if name in self.own:
            return self.own[name]
        if name not in self.entries:
            self.entries[name] = self._load(self.points[name])
        return self.entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        if not isinstance(entry, self.kind):
            raise UsageError(f"riskradar.{self.noun} {name!r} is a {type(entry).__name__}; set a {self.kind.__name__}")
        self.own[name] = entry

    def __delitem__(self, name: str) -> None:
        del self.own[name]

    def __contains__(self, name: object) -> bool:
        return name in self.points or name in self.entries or name in self.own

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.entries, *self.points, *self.own]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, point: EntryPoint) -> Entry:
        try:
            entry = point.load()
        except Exception as error:  # noqa: BLE001 - whatever another package does wrong
            reason = " ".join(str(error).split())
            raise UsageError(f"{_package(point)} brings {self._says(point)}, but {type(error).__name__}: {reason}; mend or uninstall it") from None
        if not isinstance(entry, self.kind):
            raise UsageError(
                f"{_package(point)} brings {self._says(point)}, a {type(entry).__name__} and no {self.kind.__name__}; mend or uninstall it"
            )
        return entry  # type: ignore[no-any-return]

    def _says(self, point: EntryPoint) -> str:
        return f"riskradar.{self.noun} {point.name!r}"


def near(word: str, words: Iterable[str]) -> str:
    """The nearest of the words that exist, as a question in brackets, or nothing."""
    close = difflib.get_close_matches(word, list(words), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def carried(work: Callable[..., Result]) -> Callable[..., Result]:
    """`work` for another process, where entries set by hand would be missing: they travel with it."""
    return partial(_carry, {noun: registry.own for noun, registry in Registry.every.items()}, work)


def _carry(own: Mapping[str, dict[str, Any]], work: Callable[..., Result], *arguments: Any) -> Result:
    for noun, entries in own.items():
        Registry.every[noun].own = entries
    return work(*arguments)


def _package(point: EntryPoint) -> str:
    return f"the package {point.dist.name}" if point.dist else "a package"
