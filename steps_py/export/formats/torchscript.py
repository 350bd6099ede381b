"""TorchScript, which torch reads without this package, also from C++ and old versions."""

import json
import warnings
from typing import ClassVar

import torch

from steps_py.export.formats.base import EXPORT_FORMATS, Compute, ExportFormat, Program


@EXPORT_FORMATS.register("torchscript")
class TorchScript(ExportFormat):
    """A traced network: ``torch.jit.load(path)``; facts in the extra file ``facts.json``."""

    suffix: ClassVar[str] = ".ts"
    takes_waveforms: ClassVar[bool] = True

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file."""
        text = json.dumps(program.facts, indent=1, sort_keys=True)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python values, which the comparison covers
            traced = torch.jit.trace(program.network, (program.example,), check_trace=False)
            torch.jit.save(traced, path, _extra_files={"facts.json": text})

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D), or (1, N), -> (1, E) of the network in a file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(path)

        def compute(x_BTD):
            with torch.inference_mode():
                return module(torch.from_numpy(x_BTD)).numpy()

        return compute
