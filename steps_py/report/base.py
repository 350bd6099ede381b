"""What all sections of the report share.

REPORT_SECTIONS  ``cls(run)`` with the finished recipe, `steps_py.report.run_folder.RunFolder`;
                 ``title``, and ``blocks()``, the content as `steps_py.report.blocks` has it.
"""

from dataclasses import dataclass
from typing import ClassVar

from steps_py.registry import Registry
from steps_py.report.blocks import Block
from steps_py.report.run_folder import RunFolder

REPORT_SECTIONS = Registry("section of the report", home="steps_py.report.sections")


class Section:
    """Base of all sections.

    Attributes
    ----------
    title : str
        Its heading.
    run : RunFolder
        The finished recipe, with section ``report`` of its config as ``run.options``.
    """

    title: ClassVar[str]

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """A section has no options of its own; those of all are in section ``report``."""

    def __init__(self, config, run: RunFolder):
        self.run = run

    def blocks(self) -> list[Block]:
        """The content; an empty list leaves the section out."""
        raise NotImplementedError
