"""The registry of feature types; the contract is in this package's docstring."""

from steps_py.registry import Registry

FEATURES = Registry("feature", home="steps_py.feats.types", facts=("holds_samples",))
