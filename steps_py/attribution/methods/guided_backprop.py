"""Guided backpropagation."""

from steps_py.attribution.guided import GuidedRelus
from steps_py.attribution.methods.base import METHODS, Attribution, Method
from steps_py.errors import StepsError


@METHODS.register("guided_backprop")
class GuidedBackprop(Method):
    """The gradient, of which rectified units pass what is positive.

    It resembles an edge detector of its input and changes little when the weights of the network
    do; see the randomisation check before reading it.  A network without rectified units is
    refused; other nonlinear units pass gradients as they are.

    J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2015.
    """

    def attribute(self, explained):
        with GuidedRelus() as relus:
            map_TD = explained.gradients(explained.x_TD[None])[0]
        if not relus.count:
            raise StepsError(
                "guided_backprop: the network has no rectified units (ReLU), so the map would be"
                " the gradient. Choose another method."
            )
        return Attribution(map_TD)
