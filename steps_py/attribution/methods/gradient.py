"""The gradient of the score."""

from steps_py.attribution.methods.base import METHODS, Attribution, Method


@METHODS.register("gradient")
class Gradient(Method):
    """How fast the score rises with each feature.

    K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks", 2014.
    """

    def attribute(self, explained):
        return Attribution(explained.gradients(explained.x_TD[None])[0])
