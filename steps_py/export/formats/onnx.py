"""ONNX, computed by onnxruntime."""

import logging
import warnings
from typing import ClassVar

import torch
from torch.overrides import TorchFunctionMode

from steps_py.export.formats.base import EXPORT_FORMATS, Compute, ExportFormat, Program
from steps_py.export.formats.described import described

OPSET = 18


@EXPORT_FORMATS.register("onnx")
class Onnx(ExportFormat):
    """ONNX: input ``features`` or ``waveform``, output ``xvector``; facts in its metadata.

    The network is traced; one that the tracer refuses goes through torch.export.
    """

    suffix: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    takes_waveforms: ClassVar[bool] = True
    has_int8: ClassVar[bool] = True

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file."""
        import onnx  # start-up time

        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # torchvision is not missed
        try:
            _trace(program, path)
        except torch.onnx.errors.OnnxExporterError:
            _describe(program, path)
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {k: str(v) for k, v in program.facts.items()})
        onnx.save(model, path)

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D), or (1, N), -> (1, E) of the network in a file."""
        import onnxruntime  # start-up time

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        (argument,) = session.get_inputs()
        return lambda x: session.run(None, {argument.name: x})[0]


def _trace(program, path):
    """Lengths are read from the input, so that the graph holds for all of them."""
    with warnings.catch_warnings(), torch.no_grad(), _Transposes():
        warnings.simplefilter("ignore")  # of Python values, which the comparison covers
        torch.onnx.export(
            program.network,
            (program.example,),
            path,
            input_names=[program.input_name],
            output_names=["xvector"],
            dynamic_axes={program.input_name: {1: "length"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _describe(program, path):
    written = torch.onnx.export(
        described(program),
        input_names=[program.input_name],
        output_names=["xvector"],
        dynamo=True,
        verbose=False,
    )
    written.save(path)


class _Transposes(TorchFunctionMode):
    """Replaces ``x.mT``, which the tracer does not know."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func == torch.Tensor.mT.__get__:
            return args[0].transpose(-2, -1)
        return func(*args, **(kwargs or {}))
