"""Base class of components, and the registry of their types.

A component has one of three methods, by which it is computed:
``affine()`` gives its matrix and bias, ``diagonal()`` its scale and offset per dimension, and
``apply(x_TI, out_TI)`` works on frames one by one.  The two that pool statistics do it in
compute.py.

Sources: src/nnet3/nnet-{simple,general,normalize}-component.cc and nnet-component-itf.cc.
"""

COMPONENTS = {}


def component(cls) -> type:
    """Register a class under its name."""
    assert cls.__name__ not in COMPONENTS
    COMPONENTS[cls.__name__] = cls
    return cls


class Component:
    """Base class; the values of `fields` are attributes."""

    fields = ()
    updatable = False

    def __init__(self, **values):
        self.__dict__.update(values)

    @property
    def type(self) -> str:
        return type(self).__name__

    @property
    def input_dim(self) -> int:
        return self.dim

    @property
    def output_dim(self) -> int:
        return self.input_dim

    def fault(self):
        """What is wrong with the values, or None."""
        return (
            None if self.input_dim > 0 and self.output_dim > 0 else "its dimension is not positive"
        )

    def scaled(self, factor):
        """The values that change when the parameters are multiplied: {name: value}."""
        return {}
