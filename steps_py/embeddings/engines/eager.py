"""PyTorch, one operation after the other."""

from steps_py.embeddings.engines.base import ENGINES, Engine


@ENGINES.register("eager")
class Eager(Engine):
    """The network itself."""

    @staticmethod
    def open(network, path):
        """The network."""
        return network
