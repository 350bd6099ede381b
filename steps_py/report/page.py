"""Sections put together to one HTML file that needs no network."""

import dataclasses
from pathlib import Path

import jinja2
from bokeh.embed import components
from bokeh.resources import Resources

from steps_py.report.base import Run
from steps_py.report.blocks import Block, Figures
from steps_py.report.run_folder import RunFolder
from steps_py.report.sections import REPORT_SECTIONS

TEMPLATE = Path(__file__).with_name("page.html")


@dataclasses.dataclass(frozen=True)
class Part:
    """A section as the page shows it."""

    name: str
    title: str
    blocks: list[Block]


def report_of(run: RunFolder) -> str:
    """The report of a finished recipe.

    Raises
    ------
    ConfigError
        If ``report.sections`` names a section that does not exist.
    """
    parts = parts_of(run, run.options.sections)
    subtitle = f"{', '.join(run.lists)}; commit {run.manifest['commit']}"
    return page(f"{run.name}: speaker recognition", subtitle, parts)


def parts_of(run: Run, names) -> list[Part]:
    """The sections of these names, made from a finished recipe or from several."""
    parts = []
    for name in names:
        section = REPORT_SECTIONS.build({"name": name}, run=run)
        parts.append(Part(name, section.title, section.blocks()))
    return parts


def page(title: str, subtitle: str, parts: list[Part]) -> str:
    """An HTML page of `parts`; parts without blocks are omitted."""
    parts = [part for part in parts if part.blocks]
    blocks = (block for part in parts for block in part.blocks)
    plots = {
        plot.id: plot for block in blocks if isinstance(block, Figures) for plot in block.figures
    }
    script, divs, resources = "", {}, ""
    if plots:
        script, divs = components(plots)
        resources = Resources(mode="inline", components=["bokeh"]).render()
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=title,
        subtitle=subtitle,
        sections=parts,
        script=script,
        divs=divs,
        resources=resources,
    )
