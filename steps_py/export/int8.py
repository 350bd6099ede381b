"""Weights of an ONNX file in 8 bits, activations quantised as they come.

The steps from samples to features stay in double precision: 8 bits of a spectrum are no spectrum.
"""

import logging

from steps_py.export.waveform.front_end import FRONT_END

PACKAGES = ("onnx", "onnxruntime")


def quantise(path: str, out: str) -> None:
    """Write `out`, the ONNX model `path` with 8-bit weights of its products and convolutions."""
    import onnx  # start-up time
    from onnxruntime.quantization import QuantType, quantize_dynamic

    nodes = onnx.load(path, load_external_data=False).graph.node
    logging.getLogger().setLevel(logging.ERROR)  # it suggests a preprocessing that changes nothing
    quantize_dynamic(
        path,
        out,
        weight_type=QuantType.QUInt8,
        nodes_to_exclude=[node.name for node in nodes if node.name.startswith(f"/{FRONT_END}/")],
    )
