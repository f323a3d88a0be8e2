"""The sample: 20 US large caps and the S&P 500, 1990-2022, from the files of the installed skfolio package."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import pyarrow as pa

from riskradar.data.files import Grid, open_file
from riskradar.errors import InputError

INDEX = "SP500"

SECTORS = {  # GICS, by hand: today's labels
    "Consumer Discretionary": ("BBY", "HD"),
    "Consumer Staples": ("KO", "PEP", "PG", "WMT"),
    "Energy": ("CVX", "RRC", "XOM"),
    "Financials": ("BAC", "JPM"),
    "Health Care": ("JNJ", "LLY", "MRK", "PFE", "UNH"),
    "Industrials": ("GE",),
    "Information Technology": ("AAPL", "AMD", "MSFT"),
}


def prices() -> list[Grid]:
    """The two price files; found without importing the package, which costs seconds. InputError where it is not installed."""
    spec = importlib.util.find_spec("skfolio")
    folder = Path(spec.origin).parent / "datasets" / "data" if spec and spec.origin else None
    names = ("sp500_dataset.csv.gz", "sp500_index.csv.gz")
    if folder is None or not all((folder / name).is_file() for name in names):
        raise InputError("the sample prices are not installed; nothing was read; run 'pip install skfolio', or set data.prices to a file")
    return [open_file(folder / name, "data.prices").grid() for name in names]


def sectors() -> Grid:
    """The sector and kind of each name of the sample."""
    rows = [(name, sector, "stock") for sector, names in SECTORS.items() for name in names] + [(INDEX, "", "index")]
    columns = ("ticker", "sector", "kind")
    table = pa.table({c: pa.chunked_array([pa.array([row[i] for row in rows])]) for i, c in enumerate(columns)})
    return Grid("sample sectors", columns, table, hashlib.sha256(repr(rows).encode()).hexdigest())
