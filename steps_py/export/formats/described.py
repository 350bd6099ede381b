"""A network as a program of torch.export, for any length of its input."""

import torch
from torch import nn

from steps_py.errors import StepsError
from steps_py.export.formats.base import Program

LONGEST = 100_000  # frames


def described(program: Program) -> torch.export.ExportedProgram:
    """The program; StepsError, with the reason, for a network that torch does not describe."""
    if any(isinstance(module, nn.RNNBase) for module in program.network.modules()):
        raise _refused(program, "an LSTM is unrolled over the frames of an example")
    length = torch.export.Dim("length", min=max(program.least, 2), max=LONGEST)
    try:
        with torch.no_grad():
            return torch.export.export(
                program.network,
                (program.example,),
                dynamic_shapes=({1: length},),
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except Exception as error:  # torch has no common class for what it cannot export
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise _refused(program, reason[:200]) from None


def _refused(program, reason):
    return StepsError(
        f"{program.where}: its network cannot be exported: torch.export does not describe it for"
        f" any number of frames ({reason}). Write .onnx."
    )
