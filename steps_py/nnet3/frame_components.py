"""Components that are functions of each number or of each frame.

Shape suffixes (scope: this module):
    T = frames   I = inputs   B = blocks
"""

import numpy as np

from steps_py.nnet3.component import Component, component
from steps_py.nnet3.fields import Field

_EMPTY = np.zeros(0, np.float32)


class NonlinearComponent(Component):
    """A function of each number, or of each frame; on file are statistics of training."""

    fields = (
        Field("<Dim>", "dim", "int"),
        Field("<BlockDim>", "block_dim", "int", None),
        Field("<ValueAvg>", "value_avg", "vector", _EMPTY, always=True),
        Field("<DerivAvg>", "deriv_avg", "vector", _EMPTY, always=True),
        Field("<Count>", "count", "double", 0.0, always=True),
        Field("<OderivRms>", "oderiv_rms", "vector", _EMPTY, always=True),
        Field("<OderivCount>", "oderiv_count", "double", 0.0, always=True),
        Field("<NumDimsSelfRepaired>", "num_dims_self_repaired", "double", 0.0, always=True),
        Field("<NumDimsProcessed>", "num_dims_processed", "double", 0.0, always=True),
        Field("<SelfRepairLowerThreshold>", "self_repair_lower_threshold", "float", None),
        Field("<SelfRepairUpperThreshold>", "self_repair_upper_threshold", "float", None),
        Field("<SelfRepairScale>", "self_repair_scale", "float", 0.0),
    )
    _counts = ("count", "oderiv_count", "num_dims_self_repaired", "num_dims_processed")

    def scaled(self, factor):
        return {name: getattr(self, name) * factor for name in self._counts}

    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray):
        raise NotImplementedError


@component
class RectifiedLinearComponent(NonlinearComponent):
    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        return np.maximum(x_TI, np.float32(0), out=out_TI)


@component
class SigmoidComponent(NonlinearComponent):
    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.divide(1, 1 + np.exp(-x_TI), out=out_TI)


@component
class TanhComponent(NonlinearComponent):
    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        return np.tanh(x_TI, out=out_TI)


@component
class LogSoftmaxComponent(NonlinearComponent):
    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        x_TI = np.subtract(x_TI, x_TI.max(axis=1, keepdims=True), out=out_TI)
        return np.subtract(x_TI, np.log(np.exp(x_TI).sum(axis=1, keepdims=True)), out=out_TI)


@component
class SoftmaxComponent(NonlinearComponent):
    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        x_TI = np.exp(np.subtract(x_TI, x_TI.max(axis=1, keepdims=True), out=out_TI), out=out_TI)
        return np.divide(x_TI, x_TI.sum(axis=1, keepdims=True), out=out_TI)


@component
class NormalizeComponent(Component):
    """Scale each frame, or each block of it, to a root mean square; add its logarithm."""

    fields = (
        Field("<Dim>", "dim", "int", legacy=True),
        Field("<InputDim>", "dim", "int", 0, always=True),
        Field("<BlockDim>", "block_dim", "int", None),
        Field("<TargetRms>", "target_rms", "float", 1.0, always=True),
        Field("<AddLogStddev>", "add_log_stddev", "bool", False, always=True),
        Field("<ValueAvg>", "value_avg", "vector", legacy=True),
        Field("<DerivAvg>", "deriv_avg", "vector", legacy=True),
        Field("<Count>", "count", "float", legacy=True),
    )
    _floor = 2.0**-66

    @property
    def output_dim(self) -> int:
        blocks = self.dim // (self.block_dim or self.dim or 1)
        return self.dim + (blocks if self.add_log_stddev else 0)

    def fault(self) -> str | None:
        block_dim = self.dim if self.block_dim is None else self.block_dim
        if self.dim <= 0 or block_dim <= 0 or self.dim % block_dim or not self.target_rms > 0:
            return f"its dimension is {self.dim}, that of its blocks {block_dim}"
        return None

    def apply(self, x_TI: np.ndarray, out_TI: np.ndarray) -> np.ndarray:
        x_TBI = x_TI.reshape(len(x_TI), -1, self.block_dim or self.dim)
        power_TB1 = np.square(x_TBI).mean(axis=2, keepdims=True)
        floored = np.maximum(power_TB1 / np.float32(self.target_rms**2), np.float32(self._floor))
        y_TBI = x_TBI / np.sqrt(floored)
        if self.add_log_stddev:
            log_TB1 = np.log(np.sqrt(np.maximum(power_TB1, np.float32(self._floor))))
            y_TBI = np.concatenate([y_TBI, log_TB1], axis=2)
        return y_TBI.reshape(len(x_TI), -1)
