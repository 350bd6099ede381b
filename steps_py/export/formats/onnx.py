"""ONNX, computed by onnxruntime."""

import logging
from typing import ClassVar

import torch

from steps_py.export.formats.base import EXPORT_FORMATS, Compute, ExportFormat, Program


@EXPORT_FORMATS.register("onnx")
class Onnx(ExportFormat):
    """ONNX: input ``features``, output ``xvector``; facts in the model's metadata."""

    suffix: ClassVar[str] = ".onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")

    @staticmethod
    def write(program: Program, path: str) -> None:
        """Write a network to a file."""
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # torchvision is not missed
        written = torch.onnx.export(
            program.exported,
            input_names=["features"],
            output_names=["xvector"],
            dynamo=True,
            verbose=False,
        )
        written.model.metadata_props.update({k: str(v) for k, v in program.facts.items()})
        written.save(path)

    @staticmethod
    def open(path: str) -> Compute:
        """A function (1, T, D) -> (1, E) of the network in a file."""
        import onnxruntime  # start-up time

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        return lambda x_BTD: session.run(None, {"features": x_BTD})[0]
