"""Guided backpropagation."""

from steps_py.attribution.guided import GuidedRelus
from steps_py.attribution.methods.base import METHODS, Attribution, Method


@METHODS.register("guided_backprop")
class GuidedBackprop(Method):
    """The gradient, of which rectified units pass what is positive.

    It resembles an edge detector of its input and changes little when the weights of the network
    do; see the randomisation check before reading it.

    J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2015.
    """

    def attribute(self, explained):
        with GuidedRelus():
            return Attribution(explained.gradients(explained.x_TD[None])[0])
