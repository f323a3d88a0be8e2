"""What can go wrong, in one line each: what is wrong, what was kept, what to do."""


class RadarError(Exception):
    """An error that a user can act on; `code` is the exit status of the command."""

    code = 70


class UsageError(RadarError):
    """A command line or a configuration that cannot be used."""

    code = 2


class InputError(RadarError):
    """Input that is refused as a whole; nothing of it was kept."""

    code = 3


class SourceError(RadarError):
    """A source that cannot be reached or does not answer with data."""

    code = 4


class StorageError(RadarError):
    """A run or a store that is locked, damaged or cannot be written."""

    code = 5


class Withheld(RadarError):
    """A score that is not given because too little is known to give it."""

    code = 6
