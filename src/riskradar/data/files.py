"""Files and frames as grids of cells; what cannot be read as a whole is refused as a whole."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from riskradar.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 4 << 30  # of text after decompression: a gzip bomb stops here
MAX_LINE = 16 << 20


@dataclass(frozen=True, eq=False)
class Grid:
    """One source: its cells `data` [R rows, W columns] and their names.

    first: the position of its first cell among the cells of all sources;
    stamp and owner: the columns with dates and with asset names, where there are such.
    """

    name: str
    columns: tuple[str, ...]
    data: pa.Table
    sha256: str
    first: int = 0
    stamp: int | None = None
    owner: int | None = None

    @property
    def size(self) -> int:
        """Cells, the date column included."""
        return int(self.data.num_rows) * len(self.columns)

    def text(self, row: int, column: int) -> str:
        """A cell as it was written."""
        value = self.data.column(column)[row].as_py()
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Blob:
    """The bytes of one file, and the column names found in its head before its body is looked at."""

    path: Path
    data: bytes
    columns: tuple[str, ...]

    def grid(self) -> Grid:
        """All cells; CSV cells stay text. InputError for a damaged body."""
        try:
            table = pa.parquet.read_table(io.BytesIO(self.data)) if _is_parquet(self.path) else _read_csv(self)
        except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise _damaged(self.path, error) from error
        if not table.num_rows:
            raise InputError(f"{self.path} has a header and no rows; nothing was kept; give a file with data")
        return Grid(self.path.name, self.columns, table, hashlib.sha256(self.data).hexdigest())


def open_file(path: str | Path, setting: str) -> Blob:
    """Read a CSV, CSV.gz or Parquet file up to its header; InputError when that is not possible."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{setting} = {str(path)!r} does not exist; nothing was read; correct the path")
    if not path.is_file():
        raise InputError(f"{setting} = {str(path)!r} is a directory; nothing was read; name one file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error) from error
    return open_content(path, data)


def open_content(path: Path, data: bytes) -> Blob:
    """The same for bytes that were read already; `path` says of which kind they are."""
    if not data:
        raise InputError(f"{path} is empty; nothing was kept; give a file with a header and rows")
    try:
        columns = tuple(pa.parquet.read_schema(io.BytesIO(data)).names) if _is_parquet(path) else _csv_header(path, data)
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise _damaged(path, error) from error
    check_columns(columns, str(path))
    return Blob(path, data, columns)


def check_columns(columns: Sequence[str], name: str) -> None:
    """InputError for a table of one column or with a name that occurs twice."""
    if len(columns) < 2:
        raise InputError(f"{name} has {len(columns)} column; nothing was kept; give a date column and at least one more, separated by commas")
    twice = sorted({c for c in columns if columns.count(c) > 1}) if len(set(columns)) < len(columns) else []
    if twice:
        raise InputError(f"{name} has the column {twice[0]!r} twice; nothing was kept; rename or drop one")


def frame_grid(frame: pd.DataFrame) -> Grid:
    """A DataFrame of closes, dates by names, as a grid; hashed over its Arrow bytes."""
    if frame.columns.nlevels != 1 or frame.index.nlevels != 1:
        raise InputError("the DataFrame has several levels of names; nothing was kept; give dates as rows and one column of closes per asset")
    columns = ("date", *(str(c).strip() for c in frame.columns))
    check_columns(columns, "the DataFrame")
    arrays = [_arrow(frame.index.to_series()), *(_arrow(frame.iloc[:, i]) for i in range(frame.shape[1]))]
    table = pa.table([pa.chunked_array([a]) for a in arrays], names=list(columns))
    if not table.num_rows:
        raise InputError("the DataFrame has no rows; nothing was kept; give closes, dates by names")
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Grid("DataFrame", columns, table, hashlib.sha256(sink.getvalue()).hexdigest())


def _arrow(series: pd.Series[Any]) -> pa.Array:
    try:
        return pa.Array.from_pandas(series)
    except pa.ArrowException:  # mixed objects: judged as text, like the cells of a CSV file
        return pa.array([None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)], pa.string())


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in {".parquet", ".pq"}


def _stream(path: Path, data: bytes) -> gzip.GzipFile | io.BytesIO:
    return gzip.open(io.BytesIO(data)) if path.suffix.lower() == ".gz" else io.BytesIO(data)


def _csv_header(path: Path, data: bytes) -> tuple[str, ...]:
    with _stream(path, data) as stream:
        line = stream.readline(MAX_LINE).decode("utf-8-sig")
    return tuple(name.strip() for name in next(csv.reader([line]), []))


def _read_csv(blob: Blob) -> pa.Table:
    with _stream(blob.path, blob.data) as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{blob.path} holds more than {MAX_BYTES >> 30} GiB of text; nothing was kept; use Parquet or fewer rows")
    names = [str(i) for i in range(len(blob.columns))]
    if data.count(b"\n", 0, len(data) - 1) == 0:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pa.csv.read_csv(
        pa.BufferReader(data),
        read_options=pa.csv.ReadOptions(column_names=names, skip_rows=1, block_size=MAX_LINE),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )


def _damaged(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{path} cannot be read ({reason}); nothing was kept; check that it is whole, UTF-8, comma-separated CSV, CSV.gz or Parquet")
