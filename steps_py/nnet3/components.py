"""The components of x-vector networks: COMPONENTS has them all, by Kaldi's names.

Here are those with matrices and those that gather statistics; the others are imported.

Shape suffixes (scope: this module):
    I = inputs   O = outputs
"""

import numpy as np

from steps_py.nnet3.component import COMPONENTS, Component, component
from steps_py.nnet3.diagonal_components import (
    BatchNormComponent,
    DropoutComponent,
    FixedBiasComponent,
    FixedScaleComponent,
    GeneralDropoutComponent,
    NoOpComponent,
)
from steps_py.nnet3.fields import Field
from steps_py.nnet3.frame_components import NonlinearComponent, NormalizeComponent

__all__ = [
    "COMPONENTS",
    "BatchNormComponent",
    "Component",
    "DropoutComponent",
    "FixedBiasComponent",
    "FixedScaleComponent",
    "GeneralDropoutComponent",
    "NoOpComponent",
    "NonlinearComponent",
    "NormalizeComponent",
]

_UPDATABLE = (
    Field("<LearningRateFactor>", "learning_rate_factor", "float", 1.0),
    Field("<IsGradient>", "is_gradient", "bool", False),
    Field("<MaxChange>", "max_change", "float", 0.0),
    Field("<L2Regularize>", "l2_regularize", "float", 0.0),
    Field("<LearningRate>", "learning_rate", "float", 0.001, always=True),
)
_AFFINE = (
    Field("<LinearParams>", "linear_params", "matrix"),
    Field("<BiasParams>", "bias_params", "vector"),
)
_ORTHONORMAL = Field("<OrthonormalConstraint>", "orthonormal_constraint", "float", 0.0)
_IS_GRADIENT = Field("<IsGradient>", "is_gradient", "bool", legacy=True)


@component
class AffineComponent(Component):
    """y = W x + b, trained."""

    fields = (*_UPDATABLE, *_AFFINE, _IS_GRADIENT, _ORTHONORMAL)
    updatable = True

    @property
    def input_dim(self) -> int:
        return self.linear_params.shape[1]

    @property
    def output_dim(self) -> int:
        return self.linear_params.shape[0]

    def fault(self) -> str | None:
        if self.linear_params.size == 0 or len(self.bias_params) != self.output_dim:
            return (
                f"its matrix is {self.output_dim} x {self.input_dim}, its bias"
                f" {len(self.bias_params)} long"
            )
        return None

    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        return self.linear_params, self.bias_params

    def num_parameters(self):
        return (self.input_dim + 1) * self.output_dim

    def scaled(self, factor):
        factor = np.float32(factor)
        return {
            "linear_params": self.linear_params * factor,
            "bias_params": self.bias_params * factor,
        }


@component
class NaturalGradientAffineComponent(AffineComponent):
    """y = W x + b, trained by natural gradient."""

    fields = (
        *_UPDATABLE,
        *_AFFINE,
        Field("<RankIn>", "rank_in", "int"),
        Field("<RankOut>", "rank_out", "int"),
        _ORTHONORMAL,
        Field("<UpdatePeriod>", "update_period", "int"),
        Field("<NumSamplesHistory>", "num_samples_history", "float"),
        Field("<Alpha>", "alpha", "float"),
        Field("<MaxChangePerSample>", "max_change_per_sample", "float", legacy=True),
        _IS_GRADIENT,
        Field("<UpdateCount>", "update_count", "float", legacy=True),
        Field("<ActiveScalingCount>", "active_scaling_count", "float", legacy=True),
        Field("<MaxChangeScaleStats>", "max_change_scale_stats", "float", legacy=True),
    )


@component
class FixedAffineComponent(AffineComponent):
    """y = W x + b, not trained, for example an LDA before the network."""

    fields = _AFFINE
    updatable = False

    def scaled(self, factor):
        return {}


@component
class LinearComponent(AffineComponent):
    """y = W x, trained."""

    fields = (
        *_UPDATABLE,
        Field("<Params>", "linear_params", "matrix"),
        _ORTHONORMAL,
        Field("<UseNaturalGradient>", "use_natural_gradient", "bool"),
        Field("<RankInOut>", "rank_in", "int"),
        Field(None, "rank_out", "int"),
        Field("<Alpha>", "alpha", "float"),
        Field("<NumSamplesHistory>", "num_samples_history", "float"),
        Field("<UpdatePeriod>", "update_period", "int"),
    )

    @property
    def bias_params(self) -> np.ndarray:
        return np.zeros(self.output_dim, np.float32)

    def num_parameters(self):
        return self.input_dim * self.output_dim

    def scaled(self, factor):
        return {"linear_params": self.linear_params * np.float32(factor)}


@component
class StatisticsExtractionComponent(Component):
    """Count, sum and sum of squares over stretches of `output_period` frames."""

    fields = (
        Field("<InputDim>", "dim", "int"),
        Field("<InputPeriod>", "input_period", "int"),
        Field("<OutputPeriod>", "output_period", "int"),
        Field("<IncludeVarinance>", "include_variance", "bool"),  # spelt so by Kaldi
    )

    @property
    def output_dim(self) -> int:
        return 1 + self.dim * (2 if self.include_variance else 1)

    def fault(self) -> str | None:
        if min(self.dim, self.input_period, self.output_period) <= 0:
            return "its dimension and periods must be positive"
        if self.output_period % self.input_period:
            return (
                f"its output period {self.output_period} is no multiple of its input period"
                f" {self.input_period}"
            )
        return None


@component
class StatisticsPoolingComponent(Component):
    """Mean and standard deviation of statistics over a window around each frame."""

    fields = (
        Field("<InputDim>", "dim", "int"),
        Field("<InputPeriod>", "input_period", "int"),
        Field("<LeftContext>", "left_context", "int"),
        Field("<RightContext>", "right_context", "int"),
        Field("<NumLogCountFeatures>", "num_log_count_features", "int"),
        Field("<OutputStddevs>", "output_stddevs", "bool"),
        Field("<VarianceFloor>", "variance_floor", "float"),
    )

    @property
    def output_dim(self) -> int:
        return self.dim + self.num_log_count_features - 1

    def fault(self) -> str | None:
        if self.dim <= 1 or self.input_period <= 0 or self.num_log_count_features < 0:
            return "its dimension and period must be positive"
        if self.left_context < 0 or self.right_context < 0:
            return "its context is negative"
        if self.left_context % self.input_period or self.right_context % self.input_period:
            return "its context is no multiple of its period"
        if self.output_stddevs and self.dim % 2 == 0:
            return f"it cannot make standard deviations of {self.dim} inputs"
        if not 0 < self.variance_floor < 1:
            return f"its variance floor is {self.variance_floor:g}"
        return None
