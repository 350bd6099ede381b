"""onnxruntime on the network as an ONNX file, one utterance at a time.

Shape suffixes: B batch, T frames, D feature dimension, E embedding.
"""

from typing import ClassVar

import torch
from torch import nn

from steps_py.embeddings.engines.base import ENGINES, Engine
from steps_py.errors import StepsError

TOLERANCE = 1e-4  # of the largest number of an x-vector, or of 1
COMPARED_FRAMES = 100


@ENGINES.register("onnxruntime")
class OnnxRuntime(Engine):
    """The ONNX file that `steps_py.stages.export_network` wrote."""

    format: ClassVar[str | None] = "onnx"

    @staticmethod
    def open(network, path):
        """The network in a file, in as many threads as torch has."""
        import onnxruntime  # start-up time

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's classes of errors have no common one
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise StepsError(
                f"{path}: is no ONNX network that onnxruntime can open ({reason[:200]}). Remove it"
                " to export the network again."
            ) from None
        return OnnxNetwork(session, network, path)


class OnnxNetwork(nn.Module):
    """A session of onnxruntime, called as the network that it stands for.

    At the first call its x-vector of the first frames is compared with that of the network.
    """

    def __init__(self, session, network, path):
        super().__init__()
        self._session, self._network, self._path = session, network, path
        (self._features,) = (entry.name for entry in session.get_inputs())
        self._is_compared = False
        self.embedding_dim = network.embedding_dim

    def forward(
        self, x_BTD: torch.Tensor, num_frames_B: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Features (B, T, D) -> x-vectors (B, E)."""
        if not self._is_compared:
            self._compare(x_BTD[:1, :COMPARED_FRAMES])
        if num_frames_B is None:
            num_frames_B = torch.full(x_BTD.shape[:1], x_BTD.shape[1])
        rows = zip(x_BTD.split(1), num_frames_B.tolist(), strict=True)
        return torch.cat([self._run(x_1TD[:, :num_frames]) for x_1TD, num_frames in rows])

    def _run(self, x_1TD):
        (xvector_1E,) = self._session.run(None, {self._features: x_1TD.numpy()})
        return torch.from_numpy(xvector_1E)

    def _compare(self, x_1TD):
        expected_1E, found_1E = self._network(x_1TD), self._run(x_1TD)
        difference = float("inf")
        if found_1E.shape == expected_1E.shape:
            largest = expected_1E.abs().max().clamp(min=1)
            difference = ((found_1E - expected_1E).abs().max() / largest).item()
        if not difference <= TOLERANCE:
            raise StepsError(
                f"{self._path}: computes something else than the network of final.pt: x-vectors"
                f" differ by {difference:.2g} of their largest number, at most {TOLERANCE:g} is"
                " allowed. Remove it to export the network again, or set xvectors.engine to eager."
            )
        self._is_compared = True
