"""Where a training's chunks come from: archives of features, or audio."""

from steps_py.chunks.batches import BatchReader
from steps_py.errors import StepsError
from steps_py.model.device import choose_device


def open_reader(sections, chunks, local_rank=0):
    """The reader that train.input names, for the device of a process of this host.

    It has `feat_dim`; ``read(batch)``, called by any process; and ``decode(batch, device)``,
    which makes ``x_BTD, spk_id_B`` (and num_frames_B) of the tensors of what was read.
    """
    config = sections["train"]
    device = choose_device(config.device, "train", local_rank)
    if config.input == "feats":
        if chunks.speed_U is not None and (chunks.speed_U != 1).any():
            raise StepsError(
                f"{chunks.path}: has speeds, which need train.input waveform. Set it, or run"
                " allocate_chunks again."
            )
        return open_features(config.decode, sections["cmvn"], chunks, device)
    from steps_py.chunks.audio_chunks import WaveformReader  # start-up time

    if chunks.wavs is None:
        raise StepsError(
            f"{chunks.path}: has no audio, but train.input is waveform. Run allocate_chunks again."
        )
    # where processors train, numpy in the reading processes is faster than torch in this one
    on_device = device.type != "cpu"
    waveform = sections["waveform"]
    return WaveformReader(chunks, sections["cmvn"], waveform, config.seed, on_device)


def open_features(decode, cmvn, chunks, device):
    """The reader that train.decode names; auto: on the device that trains, if it can."""
    if decode == "auto":
        decode = "host" if device.type == "cpu" or cmvn.norm_vars else "device"
    if decode == "host":
        return BatchReader(chunks, cmvn)
    from steps_py.chunks.compressed_chunks import RawBatchReader  # start-up time

    return RawBatchReader(chunks, cmvn, device, resident=decode == "resident")
