"""Registries of classes that a recipe can name, and the contract of each kind.

Shape suffixes: B batch, T frames, D feature dimension, C channels, E embedding, S speakers.

FRONT_ENDS  a NetworkFrontEnd of contracts.py
ENCODERS    an Encoder of contracts.py
POOLINGS    a Pooling of contracts.py
LOSSES      a subclass of `steps_py.model.loss.Loss` or MetricLoss
OPTIMIZERS  an Optimizer of contracts.py: a torch optimiser with a Config, or one that wraps another
SCHEDULES   a subclass of `steps_py.training.schedules.base.Schedule`
MIXES       a subclass of `steps_py.training.mixes.base.Mix`
AVERAGES    a subclass of `steps_py.training.averages.base.Average`
OBJECTIVES  a subclass of `steps_py.training.objectives.base.Objective`

Those of contracts.py are protocols: a class needs their attributes, not a base class.
A mask (B, T) is true for real frames and false for padding; None means that all frames are real.
Keys of a Config that are widths end in ``dim``: tests make them small.  A new class is one new
file in front_ends/, encoders/, poolings/ or losses/; the folder imports its files.
"""

from steps_py.registry import Registry

FRONT_ENDS = Registry("front-end", home="steps_py.model.front_ends")
ENCODERS = Registry("encoder", home="steps_py.model.encoders")
POOLINGS = Registry("pooling", home="steps_py.model.poolings")
LOSSES = Registry("loss", home="steps_py.model.losses", facts=("classifies", "compares", "mixes"))
OPTIMIZERS = Registry("optimizer", home="steps_py.training.optimizers", facts=("perturbs_weights",))
MIXES = Registry("mix", home="steps_py.training.mixes")
AVERAGES = Registry("average", home="steps_py.training.averages")
OBJECTIVES = Registry("objective", home="steps_py.training.objectives", facts=("uses_unlabelled",))
SCHEDULES = Registry("schedule", home="steps_py.training.schedules")
