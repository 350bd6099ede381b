"""Networks from a local folder in the layout of the package `transformers`.

The folder has config.json, the weights in model.safetensors or pytorch_model.bin, and possibly
preprocessor_config.json.  Nothing is downloaded.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steps_py.errors import StepsError, did_you_mean, some

if TYPE_CHECKING:  # start-up time: rules list the files
    from torch import nn

CLASSES = {  # model_type of config.json -> names of the classes of network and config
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2Config"),
    "hubert": ("HubertModel", "HubertConfig"),
    "wavlm": ("WavLMModel", "WavLMConfig"),
    "wav2vec2-bert": ("Wav2Vec2BertModel", "Wav2Vec2BertConfig"),
}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
UNUSED = ("masked_spec_embed",)  # of pre-training; often missing
# Random numbers that are not torch's, or that leave out layers.
CHANGED = {"apply_spec_augment": False, "layerdrop": 0.0}


def read_folder(folder: str | Path) -> tuple[dict[str, Any], bool]:
    """The content of config.json, and whether waveforms are normalised before the network.

    Raises StepsError if there is no such folder, or it is not a network of `CLASSES`.
    """
    folder = Path(folder)
    architecture = _read_json(folder, "config.json")
    kind = architecture.get("model_type")
    if kind not in CLASSES:
        raise StepsError(
            f"{folder}/config.json: model_type is {kind!r}. {did_you_mean(kind, CLASSES)}"
        )
    if not (folder / "preprocessor_config.json").exists():
        return architecture, True
    return architecture, bool(
        _read_json(folder, "preprocessor_config.json").get("do_normalize", True)
    )


def files_of_folder(folder: str | Path) -> list[str]:
    """The files of the folder that are read; StepsError if one is missing."""
    read_folder(folder)
    found = [name for name in WEIGHTS if Path(folder, name).exists()]
    if not found:
        raise StepsError(
            f"{folder}: has no {' or '.join(WEIGHTS)}. Put a folder there that"
            " save_pretrained of transformers has written."
        )
    optional = ["preprocessor_config.json"] * Path(folder, "preprocessor_config.json").exists()
    return [str(Path(folder, name)) for name in ("config.json", *optional, found[0])]


def build_network(architecture: dict[str, Any], where: str) -> "nn.Module":
    """The network of a config.json, with random weights; `where` is for messages."""
    network_class, config = _classes(architecture, where)
    return network_class(config)


def load_network(folder: str | Path) -> "nn.Module":
    """The network of a folder with its weights, in float32.

    Raises StepsError if weights are missing, damaged or of another shape.
    """
    network_class, config = _classes(read_folder(folder)[0], str(folder))
    files_of_folder(folder)
    try:
        network, report = network_class.from_pretrained(
            folder,
            config=config,
            dtype="float32",
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # of several libraries
        raise StepsError(
            f"{folder}: cannot be loaded: {_reason(error)}. Copy the folder again."
        ) from None
    missing = [name for name in report["missing_keys"] if name.split(".")[-1] not in UNUSED]
    if missing:
        raise StepsError(
            f"{folder}: weights are missing ({some(sorted(missing))}). Its config.json is of"
            " another network than the weights; copy the folder again."
        )
    return network


def _classes(architecture, where):
    """The class of the network, and its config."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        import transformers  # an optional package; start-up time
    except ImportError:
        raise StepsError(
            f"{where}: needs the package transformers, which is not installed. Run pip install"
            " 'sidewinder[pretrained]'."
        ) from None
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    network_class, config_class = (
        getattr(transformers, name) for name in CLASSES[architecture["model_type"]]
    )
    try:
        return network_class, config_class.from_dict(architecture | CHANGED)
    except Exception as error:  # of any kind: the package checks some keys
        raise StepsError(
            f"{where}: config.json: {_reason(error)}. Copy the folder again."
        ) from None


def _reason(error):
    """The message of an error in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _read_json(folder, name):
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise StepsError(
            f"{folder / name}: cannot be read: {error.strerror}. Put a folder there that"
            " save_pretrained of transformers has written; nothing is downloaded."
        ) from None
    except ValueError as error:
        raise StepsError(f"{folder / name}: is not JSON ({error}). Copy it again.") from None
    if not isinstance(content, dict):
        raise StepsError(f"{folder / name}: is not a section of keys. Copy it again.")
    return content
