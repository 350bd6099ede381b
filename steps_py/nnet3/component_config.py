"""Components from config lines: ``component name=relu type=RectifiedLinearComponent dim=24``.

Sources: the functions InitFromConfig in src/nnet3.  Random parameters are drawn from a
generator whose seed is the name of the component: the same line gives the same network.
"""

import zlib
from typing import TYPE_CHECKING

import numpy as np

from steps_py.errors import did_you_mean
from steps_py.formats.holders import FLOAT_MATRIX, FLOAT_VECTOR
from steps_py.formats.tables import read_object
from steps_py.nnet3.components import COMPONENTS, NonlinearComponent

if TYPE_CHECKING:
    from steps_py.nnet3.config_lines import ConfigLine

_KINDS = {"int": int, "float": float, "double": float, "bool": bool, "flag": bool}
_MOST_PARAMETERS = 2**31


def configure_component(line: "ConfigLine"):
    """The component that a ConfigLine describes; its name has been taken already."""
    kind = line.take("type")
    if kind not in COMPONENTS:
        line.fail(
            f"type '{kind[:60]}' is not built in. {did_you_mean(kind, COMPONENTS).rstrip('.')}"
        )
    cls = COMPONENTS[kind]
    values = {f.name: f.default for f in cls.fields if not f.legacy}
    build = _BUILD.get(kind, _nonlinear if issubclass(cls, NonlinearComponent) else None)
    build(line, cls, values)
    line.finish()
    component = cls(**values)
    fault = component.fault()
    if fault:
        line.fail(fault)
    return component


def _take(line, cls, values, defaults):
    """Ask for the keys of `defaults`; a default of ... means that the key is required."""
    kinds = {field.name: _KINDS[field.kind] for field in cls.fields if field.kind in _KINDS}
    for name, default in defaults.items():
        key = name.replace("_", "-")
        required = default is ...
        values[name] = line.take(key, kinds[name], *([] if required else [default]))


def _nonlinear(line, cls, values):
    _take(line, cls, values, {"dim": ..., "block_dim": None})
    if values["block_dim"] == values["dim"]:
        values["block_dim"] = None
    for name in ("self_repair_lower_threshold", "self_repair_upper_threshold"):
        _take(line, cls, values, {name: None})
    _take(line, cls, values, {"self_repair_scale": 0.0})


def _batch_norm(line, cls, values):
    _take(line, cls, values, {"dim": ...})
    defaults = {"block_dim": values["dim"], "epsilon": 1e-3, "target_rms": 1.0, "test_mode": False}
    _take(line, cls, values, defaults)
    block_dim = _checked(line, values["block_dim"])
    values.update(count=0.0, stats_mean=np.zeros(block_dim, np.float32))
    values["stats_var"] = values["stats_mean"].copy()


def _with(**defaults):
    """A builder for components whose values are all on the line."""

    def build(line, cls, values):
        _take(line, cls, values, {name: d for name, d in defaults.items() if d != "dim"})
        for name, default in defaults.items():
            if default == "dim":
                _take(line, cls, values, {name: values["dim"]})

    return build


def _statistics_extraction(line, cls, values):
    values["dim"] = line.take("input-dim", int)
    defaults = {"input_period": 1, "output_period": 1, "include_variance": True}
    _take(line, cls, values, defaults)


def _statistics_pooling(line, cls, values):
    values["dim"] = line.take("input-dim", int)
    defaults = {"input_period": 1, "left_context": -1, "right_context": -1}
    defaults |= {"num_log_count_features": 0, "output_stddevs": False, "variance_floor": 1e-10}
    _take(line, cls, values, defaults)


def _normalize(line, cls, values):
    values["dim"] = line.take("dim", int, None) or line.take("input-dim", int)
    _take(line, cls, values, {"block_dim": None, "target_rms": 1.0, "add_log_stddev": False})


def _affine(line, cls, values):
    """AffineComponent and its kin: a matrix whose last column is the bias, or random numbers."""
    if cls.updatable:
        rates = {"learning_rate": 0.001, "learning_rate_factor": 1.0, "max_change": 0.0}
        _take(line, cls, values, rates | {"l2_regularize": 0.0})
        values["is_gradient"] = False
    _parameters(line, cls, values)
    num_outputs, num_inputs = values["linear_params"].shape
    if "orthonormal_constraint" in values:
        _take(line, cls, values, {"orthonormal_constraint": 0.0})
    if "rank_in" in values:
        ranks = {"rank_in": min(20, (num_inputs + 1) // 2)}
        ranks |= {"rank_out": min(80, (num_outputs + 1) // 2)}
        _take(line, cls, values, ranks | {"update_period": 4, "num_samples_history": 2000.0})
        _take(line, cls, values, {"alpha": 4.0})
    if "use_natural_gradient" in values:
        _take(line, cls, values, {"use_natural_gradient": True})


def _parameters(line, cls, values):
    has_bias = any(field.name == "bias_params" for field in cls.fields)
    path = line.take("matrix", default=None)
    num_inputs = line.take("input-dim", int, *([] if path is None else [None]))
    num_outputs = line.take("output-dim", int, *([] if path is None else [None]))
    if path is not None:
        x_OI = read_object(path, FLOAT_MATRIX)
        found = x_OI.shape[1] - has_bias, x_OI.shape[0]
        if num_inputs not in (None, found[0]) or num_outputs not in (None, found[1]):
            line.fail(f"{path} is for {found[0]} inputs and {found[1]} outputs")
    else:
        size = _checked(line, num_outputs) * (_checked(line, num_inputs) + has_bias)
        _checked(line, size)
        rng = np.random.default_rng(zlib.crc32(line.text.encode()))
        x_OI = rng.standard_normal((num_outputs, num_inputs + has_bias), np.float32)
        stddev = 1 / np.sqrt(num_inputs) if cls.updatable else 1.0
        x_OI[:, :num_inputs] *= line.take("param-stddev", float, stddev)
        if has_bias:
            x_OI[:, -1] *= line.take("bias-stddev", float, 1.0)
            x_OI[:, -1] += line.take("bias-mean", float, 0.0)
    values["linear_params"] = x_OI[:, : x_OI.shape[1] - has_bias].copy()
    if has_bias:
        values["bias_params"] = x_OI[:, -1].copy()


def _checked(line, size):
    if not 0 < size < _MOST_PARAMETERS:
        line.fail(f"{size} is no possible dimension or number of parameters")
    return size


def _fixed(attribute, key):
    """A vector from a file, or `dim` ones."""

    def build(line, cls, values):
        path = line.take(key, default=None)
        if path is not None:
            values[attribute] = read_object(path, FLOAT_VECTOR)
            return
        dim, scale = _checked(line, line.take("dim", int)), line.take("scale", float, 1.0)
        values[attribute] = np.full(dim, scale if key == "scales" else 0.0, np.float32)

    return build


_BUILD = {
    "AffineComponent": _affine,
    "NaturalGradientAffineComponent": _affine,
    "FixedAffineComponent": _affine,
    "LinearComponent": _affine,
    "BatchNormComponent": _batch_norm,
    "NormalizeComponent": _normalize,
    "NoOpComponent": _with(dim=..., backprop_scale=1.0),
    "DropoutComponent": _with(
        dim=..., dropout_proportion=..., dropout_per_frame=False, test_mode=False
    ),
    "GeneralDropoutComponent": _with(
        dim=...,
        block_dim="dim",
        time_period=0,
        dropout_proportion=0.5,
        specaugment_max_proportion=0.0,
        specaugment_max_regions=1,
        continuous=False,
        test_mode=False,
    ),
    "FixedScaleComponent": _fixed("scales", "scales"),
    "FixedBiasComponent": _fixed("bias", "bias"),
    "StatisticsExtractionComponent": _statistics_extraction,
    "StatisticsPoolingComponent": _statistics_pooling,
}
