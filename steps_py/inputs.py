"""Where a training's chunks come from: archives of features, or audio."""

from steps_py.batches import BatchReader
from steps_py.errors import StepsError
from steps_py.model.device import choose_device


def open_reader(sections, chunks):
    """The reader that train.input names.

    It has `feat_dim`; ``read(batch)``, called by any process; and ``decode(batch, device)``,
    which makes ``x_BTD, spk_id_B`` (and num_frames_B) of the tensors of what was read.
    """
    config = sections["train"]
    if config.input == "feats":
        if chunks.speed_U is not None and (chunks.speed_U != 1).any():
            raise StepsError(
                f"{chunks.path}: has speeds, which need train.input waveform. Set it, or run"
                " allocate_chunks again."
            )
        return BatchReader(chunks, sections["cmvn"])
    from steps_py.waveform import WaveformReader

    if chunks.wavs is None:
        raise StepsError(
            f"{chunks.path}: has no audio, but train.input is waveform. Run allocate_chunks again."
        )
    # where processors train, numpy in the reading processes is faster than torch in this one
    on_device = choose_device(config.device, "train").type != "cpu"
    waveform = sections["waveform"]
    return WaveformReader(chunks, sections["cmvn"], waveform, config.seed, on_device)
