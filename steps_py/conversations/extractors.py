"""The extractor of a diarization: a finished recipe's system.swx or final.pt."""

import os

from steps_py.embeddings.config import XvectorsConfig
from steps_py.embeddings.windows import WindowEmbedder
from steps_py.errors import StepsError
from steps_py.model.extractor import load_extractor
from steps_py.system.system import load_system


def open_extractor(
    path: str | os.PathLike,
    config: XvectorsConfig | None = None,
    recipe: str | os.PathLike | None = None,
) -> WindowEmbedder:
    """The x-vectors of windows by ``results/system.swx`` or ``exp/model/final.pt`` of a recipe.

    Parameters
    ----------
    path : path
    config : XvectorsConfig, optional
        Of a final.pt; a system file has its own.
    recipe : path, optional
        The recipe's folder, for a system with classes of the recipe's own.

    Raises
    ------
    StepsError
        If the file is missing, damaged or of another kind.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise StepsError(
            f"{path}: there is no such file. Run the recipe that makes it, or correct the path."
        )
    if path.endswith(".swx"):
        embedder = load_system(path, recipe).embedder
        return WindowEmbedder(embedder.extractor, embedder.config, path)
    return WindowEmbedder(load_extractor(path), config or XvectorsConfig(), path)
