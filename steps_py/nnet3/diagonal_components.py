"""Components that scale and shift each dimension: batch norm, dropout at test time ...

Shape suffixes (scope: this module):
    D = dimension
"""

import numpy as np

from steps_py.nnet3.component import Component, component
from steps_py.nnet3.fields import Field


@component
class BatchNormComponent(Component):
    """Subtract a mean, divide by a standard deviation, those of the training."""

    fields = (
        Field("<Dim>", "dim", "int"),
        Field("<BlockDim>", "block_dim", "int"),
        Field("<Epsilon>", "epsilon", "float"),
        Field("<TargetRms>", "target_rms", "float"),
        Field("<TestMode>", "test_mode", "bool"),
        Field("<Count>", "count", "double"),
        Field("<StatsMean>", "stats_mean", "vector"),
        Field("<StatsVar>", "stats_var", "vector"),
    )

    def fault(self) -> str | None:
        if self.dim <= 0 or self.block_dim <= 0 or self.dim % self.block_dim:
            return f"its dimension is {self.dim}, that of its blocks {self.block_dim}"
        if not len(self.stats_mean) == len(self.stats_var) == self.block_dim:
            return (
                f"its mean has {len(self.stats_mean)} numbers and its variance"
                f" {len(self.stats_var)}, not {self.block_dim}"
            )
        if not (self.epsilon > 0 and self.target_rms > 0):
            return f"epsilon {self.epsilon:g} and target-rms {self.target_rms:g} must be positive"
        return None

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        var_D = np.maximum(self.stats_var, np.float32(0)).astype(np.float64) + self.epsilon
        scale_D = self.target_rms / np.sqrt(var_D)
        repeats = self.dim // self.block_dim
        return np.tile(scale_D, repeats), np.tile(-self.stats_mean * scale_D, repeats)

    def scaled(self, factor):
        zero = {"stats_mean": self.stats_mean * 0, "stats_var": self.stats_var * 0}
        return {"count": self.count * factor, **({} if factor else zero)}


@component
class NoOpComponent(Component):
    fields = (
        Field("<Dim>", "dim", "int"),
        Field("<ValueAvg>", "value_avg", "vector", legacy=True),
        Field("<DerivAvg>", "deriv_avg", "vector", legacy=True),
        Field("<Count>", "count", "float", legacy=True),
        Field("<OderivRms>", "oderiv_rms", "vector", legacy=True),
        Field("<OderivCount>", "oderiv_count", "float", legacy=True),
        Field("<NumDimsSelfRepaired>", "num_dims_self_repaired", "float", legacy=True),
        Field("<NumDimsProcessed>", "num_dims_processed", "float", legacy=True),
        Field("<BackpropScale>", "backprop_scale", "float", 1.0, always=True),
    )

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(self.dim), np.zeros(self.dim)


@component
class DropoutComponent(Component):
    """At test time the expectation: everything times one minus the proportion."""

    fields = (
        Field("<Dim>", "dim", "int"),
        Field("<DropoutProportion>", "dropout_proportion", "float"),
        Field("<DropoutPerFrame>", "dropout_per_frame", "bool", False, always=True),
        Field("<TestMode>", "test_mode", "bool", False, always=True),
    )

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(self.dim, 1 - self.dropout_proportion), np.zeros(self.dim)


@component
class GeneralDropoutComponent(Component):
    """In training its mean is one; at test time it does nothing."""

    fields = (
        Field("<Dim>", "dim", "int"),
        Field("<BlockDim>", "block_dim", "int"),
        Field("<TimePeriod>", "time_period", "int"),
        Field("<DropoutProportion>", "dropout_proportion", "float"),
        Field("<SpecAugmentMaxProportion>", "specaugment_max_proportion", "float", 0.0),
        Field("<SpecAugmentMaxRegions>", "specaugment_max_regions", "int", 1),
        Field("<TestMode>", "test_mode", "flag", False),
        Field("<Continuous>", "continuous", "flag", False),
    )

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(self.dim), np.zeros(self.dim)


@component
class FixedScaleComponent(Component):
    fields = (Field("<Scales>", "scales", "vector"),)

    @property
    def input_dim(self) -> int:
        return len(self.scales)

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        return self.scales.astype(np.float64), np.zeros(len(self.scales))


@component
class FixedBiasComponent(Component):
    fields = (Field("<Bias>", "bias", "vector"),)

    @property
    def input_dim(self) -> int:
        return len(self.bias)

    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(len(self.bias)), self.bias.astype(np.float64)
