"""Grad-CAM++."""

import torch

from steps_py.attribution.methods.base import METHODS
from steps_py.attribution.methods.gradcam import GradCam

_FLOOR = 1e-6


@METHODS.register("gradcam++")
class GradCamPlusPlus(GradCam):
    """Grad-CAM with weights of positive gradients, by their higher powers.

    A. Chattopadhay et al., "Grad-CAM++: generalized gradient-based visual explanations for deep
    convolutional networks", WACV 2018.
    """

    def plane(self, values_Ctf, gradient_Ctf):
        total_C11 = values_Ctf.sum(dim=(1, 2), keepdim=True)
        below_Ctf = 2 * gradient_Ctf**2 + total_C11 * gradient_Ctf**3 + _FLOOR
        share_Ctf = torch.where(gradient_Ctf != 0, gradient_Ctf**2 / below_Ctf, 0)
        weight_C11 = (gradient_Ctf.clamp(min=0) * share_Ctf).sum(dim=(1, 2), keepdim=True)
        return (weight_C11 * values_Ctf).sum(dim=0)
