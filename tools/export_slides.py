"""Make slides from a notebook: one page without scripts, which opens anywhere without a network.

python tools/export_slides.py                                         the workshop, to slides.html
python tools/export_slides.py notebooks/95-workshop.ipynb talk.html   another notebook or file

Each heading of the notebook starts a slide, and what a cell shows stands on a slide of its own.
Space, Page Down and Page Up lead from slide to slide; printed, each slide is a page.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]

STYLE = """
:root { color-scheme: light dark; }
html { scroll-snap-type: y proximity; }
body { font: 1.5rem/1.5 system-ui, sans-serif; margin: 0; }
section { border-bottom: 1px solid; box-sizing: border-box; min-height: 100vh; padding: 6vh 6vw;
  scroll-snap-align: start; }
section:not(.shown) { align-content: center; }
h1 { font-size: 3.5rem; } h2 { font-size: 2.5rem; }
table { border-collapse: collapse; } th, td { border-top: 1px solid; padding: .3em .8em;
  text-align: left; vertical-align: top; }
pre { white-space: pre-wrap; }
section > * { max-width: 60rem; } section > .rpm { max-width: none; zoom: 1.3; }
@media print { section { break-after: page; min-height: 0; border: 0; } }
"""


def slides(notebook: Any) -> Iterator[str]:
    """Give the slides of a notebook with outputs, each as a section."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"(?m)^(?=#{1,2} )", cell.source):
                if part.strip():
                    yield f"<section>{markdown.render(part)}</section>"
        elif cell.cell_type == "code":
            shown = [one for one in map(_output, cell.outputs) if one]
            if shown:
                yield f'<section class="shown">{"".join(shown)}</section>'


def _output(output: Any) -> str:
    """Give what a cell shows: the HTML that the package made, else its text."""
    data = output.get("data", {})
    if "text/html" in data:
        return str(data["text/html"])
    text = data.get("text/plain", output.get("text", ""))
    return f"<pre>{html.escape(text)}</pre>" if text else ""


def page(notebook: Any) -> str:
    """Give the whole page."""
    found = list(slides(notebook))
    heading = re.search(r"(?m)^# (.+)$", "\n".join(cell.source for cell in notebook.cells))
    title = html.escape(heading[1] if heading else "Slides")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(found)
        + "\n</main></body></html>\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    workshop = ROOT / "notebooks" / "95-workshop.ipynb"
    parser.add_argument("notebook", nargs="?", type=Path, default=workshop)
    parser.add_argument("slides", nargs="?", type=Path, default=Path("slides.html"))
    options = parser.parse_args(arguments)
    try:
        made = page(nbformat.read(options.notebook, as_version=4))
    except (OSError, ValueError) as error:
        print(f"{options.notebook} cannot be read: {error}", file=sys.stderr)
        return 1
    options.slides.write_text(made, encoding="utf-8")
    print(f"{made.count('<section')} slides: {options.slides}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
