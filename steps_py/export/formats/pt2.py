"""The format of torch.export, which torch reads without this package, also from C++."""

import json
from typing import ClassVar

import torch

from steps_py.export.formats.base import EXPORT_FORMATS, Compute, ExportFormat, Program
from steps_py.export.formats.described import described


@EXPORT_FORMATS.register("pt2")
class Pt2(ExportFormat):
    """A program of torch: ``torch.export.load(path).module()``; facts in ``facts.json``."""

    suffix: ClassVar[str] = ".pt2"

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file; StepsError for one that torch.export does not describe."""
        text = json.dumps(program.facts, indent=1, sort_keys=True)
        torch.export.save(described(program), path, extra_files={"facts.json": text})

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D) -> (1, E) of the network in a file."""
        module = torch.export.load(path).module()

        def compute(x_BTD):
            with torch.inference_mode():
                return module(torch.from_numpy(x_BTD)).numpy()

        return compute
