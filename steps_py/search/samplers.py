"""Samplers of Optuna, by the names of search.yaml."""

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from steps_py.search.config import SamplerConfig


def sampler_of(config: SamplerConfig, number: int) -> BaseSampler:
    """The sampler for the trial of that number.

    Its random numbers depend on seed and number alone: a search that was interrupted goes on as if
    it had not been, and does not try its first points again.
    """
    seed = int(np.random.SeedSequence([config.seed, number]).generate_state(1)[0])
    return SAMPLERS[config.name](config, seed)


def _random(config, seed):
    return RandomSampler(seed=seed)


def _tpe(config, seed):
    # a running trial counts as a bad one, so that those at the same time differ
    return TPESampler(seed=seed, n_startup_trials=config.startup_trials, constant_liar=True)


SAMPLERS = {"random": _random, "tpe": _tpe}
