"""The gradient times what it is multiplied with in a first-order expansion."""

from steps_py.attribution.methods.base import METHODS, Attribution, Method


@METHODS.register("gradient_x_input")
class GradientXInput(Method):
    """The gradient times the features' difference from the baseline.

    A. Shrikumar et al., "Not just a black box: learning important features through propagating
    activation differences", 2016.
    """

    def attribute(self, explained):
        gradient_TD = explained.gradients(explained.x_TD[None])[0]
        return Attribution(gradient_TD * (explained.x_TD - explained.baseline_TD))
