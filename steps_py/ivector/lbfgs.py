"""L-BFGS with Kaldi's line search, so that a given number of steps gives Kaldi's result.

Source: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, algorithms 7.4 and 7.5;
OptimizeLbfgs of src/matrix/optimization.cc.
"""

import math

import numpy as np

_HISTORY = 10
_ARMIJO, _CURVATURE = 1e-4, 0.9  # constants of the two Wolfe conditions
_MOST_TRIALS = 50  # of one line search
_CLOSE = 1e-8


class Lbfgs:
    """Minimises a function whose values and gradients the caller computes.

    >>> search = Lbfgs(np.array([3.0, -2.0]))
    >>> for _ in range(20):
    ...     search.step(float(np.sum(search.proposed**2)), 2 * search.proposed)
    >>> np.abs(search.best).max() < 1e-6
    np.True_
    """

    def __init__(self, start: np.ndarray):
        self.proposed = np.array(start, np.float64)  # where the function is to be computed next
        self.best = self.proposed.copy()  # where it was smallest
        self._best_value = math.inf
        self._x = self.proposed.copy()
        self._value, self._gradient = math.inf, None
        self._changes = []  # (change of x, change of the gradient) of the last steps
        self._scale = 1.0  # of the first direction
        self._factor = 2.0  # by which the step is made longer or shorter
        self._failures, self._last_failure = 0, None

    def step(self, value: float, gradient: np.ndarray) -> None:
        """Give the value and gradient at `proposed`, which changes."""
        if value < self._best_value:
            self._best_value, self.best = value, self.proposed.copy()
        if self._gradient is None:
            self._start_search(value, gradient)
            return
        change = self.proposed - self._x
        expected = float(change @ self._gradient)
        too_far = value > self._value + _ARMIJO * expected
        too_near = float(change @ gradient) < _CURVATURE * expected
        if not too_far and not too_near:
            self._accept(value, gradient)
        else:
            self._try_again(value, gradient, "far" if too_far else "near")

    def _accept(self, value, gradient):
        """End the line search at `proposed`."""
        change, change_of_gradient = self.proposed - self._x, gradient - self._gradient
        if float(change @ change_of_gradient) <= 1e-20:
            self._restart(value, gradient)
            return
        self._changes = [*self._changes, (change, change_of_gradient)][-_HISTORY:]
        self._x = self.proposed.copy()
        self._start_search(value, gradient)

    def _try_again(self, value, gradient, failure):
        """Change the length of the step, less where it was too long and too short before."""
        if self._last_failure not in (None, failure):
            self._factor = math.sqrt(self._factor)
        self._failures += 1
        exhausted = self._failures > _MOST_TRIALS
        if not exhausted:
            before = self.proposed
            scale = 1 / self._factor if failure == "far" else self._factor
            self.proposed = self._x + scale * (before - self._x)
            exhausted = self._is_stuck(before, value, failure)
            self._failures += 1
            self._last_failure = failure
        if exhausted:
            self._restart(value, gradient)

    def _is_stuck(self, before, value, failure):
        moved = float(np.linalg.norm(self.proposed - before))
        near = moved <= _CLOSE * float(np.linalg.norm(self.proposed))
        flat = abs(self._value - value) < _CLOSE * abs(self._value)
        return moved == 0 or (near and flat and failure == "far")

    def _restart(self, value, gradient):
        """Forget earlier steps and begin at the better end of this one."""
        if value < self._value:
            self._x = self.proposed.copy()
        else:
            value, gradient = self._value, self._gradient
        self._changes = []
        self._start_search(value, gradient)

    def _start_search(self, value, gradient):
        """Propose the first point of a line search from `_x`."""
        direction, weights = gradient.copy(), []
        for change, change_of_gradient in reversed(self._changes):
            rho = 1 / float(change @ change_of_gradient)
            weights.append((rho, rho * float(change @ direction)))
            direction -= weights[-1][1] * change_of_gradient
        if self._changes:
            change, change_of_gradient = self._changes[-1]
            self._scale = float(change @ change_of_gradient) / float(
                change_of_gradient @ change_of_gradient
            )
        direction *= self._scale
        for (change, change_of_gradient), (rho, alpha) in zip(
            self._changes, reversed(weights), strict=True
        ):
            direction += (alpha - rho * float(change_of_gradient @ direction)) * change
        self.proposed = self._x - direction
        self._value, self._gradient = value, gradient.copy()
        self._factor, self._failures, self._last_failure = 2.0, 0, None
