"""The sections of the report: one class a file, registered in REPORT_SECTIONS by its name."""

from steps_py.registry import import_modules
from steps_py.report.base import REPORT_SECTIONS

import_modules(__name__, __path__)

__all__ = ["REPORT_SECTIONS"]
