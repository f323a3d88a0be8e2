"""Sphinx: the guide, and a reference that is generated from the code each time the pages are built (`make docs`)."""

import json
import os
from importlib.metadata import version as installed
from pathlib import Path

import typer

from riskradar import config as settings
from riskradar.cli import app as cli

HERE = Path(__file__).parent
MADE = HERE / "reference"

project = "Systemic Risk Radar"
author = "the Systemic Risk Radar authors"
copyright = "2026, " + author  # noqa: A001 - Sphinx reads this name
version = release = installed("systemic-risk-radar")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"  # the notebook is run by the tests, and its outputs are stored
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_prev_next": True, "navigation_depth": 2}
html_title = project
autodoc_typehints = "description"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository


def commands() -> str:
    """Each verb with its help, as `riskradar VERB --help` prints it."""
    os.environ |= {"COLUMNS": "120", "NO_COLOR": "1"}
    group = typer.main.get_command(cli)
    with typer.main.get_command(cli).make_context("riskradar", [], resilient_parsing=True) as top:
        pages = [f"# Commands\n\n```text\n{group.get_help(top)}\n```"]
        for name, command in sorted(getattr(group, "commands", {}).items()):
            with command.make_context(f"riskradar {name}", [], parent=top, resilient_parsing=True) as context:
                pages.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(pages) + "\n"


def presets() -> str:
    """Every setting of every preset."""
    parts = ["# Settings\n\nA section is a stage. A file given with `--config` goes over the preset, `--set section.key=value` over both."]
    for preset in settings.PRESETS:
        values = json.dumps(settings.load(preset).model_dump(mode="json"), indent=1)
        parts.append(f"## Preset {preset}\n\n```json\n{values}\n```")
    return "\n\n".join(parts) + "\n"


MADE.mkdir(exist_ok=True)
for name, text in {"commands": commands(), "settings": presets()}.items():
    (MADE / f"{name}.md").write_text(text, "utf-8")
