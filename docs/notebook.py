"""Execute the code cells of a notebook in order, in one namespace, and keep what they print: python docs/notebook.py NOTEBOOK.

A kernel would do no more for cells that print, and this needs nothing installed.
"""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def executed(notebook: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs that its cells print now."""
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            with contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile("".join(cell["source"]), f"cell {count}", "exec"), namespace)  # noqa: S102 - this is what a notebook is for
            lines = said.getvalue().splitlines(keepends=True)
            output = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
            cell = {**cell, "execution_count": count, "outputs": output}
        cells.append(cell)
    return {**notebook, "cells": cells}


def main() -> None:
    """Execute NOTEBOOK in place."""
    path = Path(sys.argv[1])
    done = executed(json.loads(path.read_text("utf-8")), vars(sys.modules["__main__"]))
    path.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
