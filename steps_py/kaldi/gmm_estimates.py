"""What the commands that estimate a mixture say of the estimate."""

from steps_py.formats.log import log, warn
from steps_py.gmm.accumulators import Accumulator
from steps_py.gmm.estimate import Estimate


def log_estimate(estimate: Estimate, stats: Accumulator):
    """Log the improvement and warn of Gaussians with too little data; the estimated mixture."""
    total = estimate.count or 1.0
    for g in estimate.removed:
        occupancy = stats.occupancy_G[g]
        warn(
            f"Too little data - removing Gaussian (weight {occupancy / total:f}, occupation count"
            f" {occupancy:f}, vector size {stats.dim})"
        )
    for g in estimate.kept_low:
        occupancy = stats.occupancy_G[g]
        warn(
            f"Gaussian has too little data but not removing it: i = {g}, occ = {occupancy:g},"
            f" weight = {occupancy / total:g}"
        )
    if estimate.num_floored:
        warn(f"{estimate.num_floored} variances floored in {estimate.gauss_floored} Gaussians.")
    mean = estimate.objf_change / total
    log(
        f"Overall objective function improvement is {mean:g} per frame over"
        f" {estimate.count:g} frames."
    )
    return estimate.gmm
