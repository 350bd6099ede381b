"""Enrolments of several utterances: models, as a data directory whose keys they are."""

from pathlib import Path

from steps_py.data.data_dir import read_table, write_tables
from steps_py.errors import DataDirError, near_names, some
from steps_py.text_files import decode


def read_models(path: str | Path) -> dict[str, list[str]]:
    """The utterances of each model, from lines ``<model> <utterance> ...``.

    Raises DataDirError, with the line's number, for a model without utterances, one that comes
    twice, or an utterance that a model has twice.
    """
    models = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        words = decode(line, path, first=number).split()
        if not words:
            continue
        model, *utts = words
        fault = None
        if not utts:
            fault = "has no utterance"
        elif model in models:
            fault = "comes twice"
        elif len(set(utts)) < len(utts):
            fault = "has an utterance twice"
        if fault:
            raise DataDirError(
                f"{path}:{number}: the model '{model}' {fault}. Write one line for each model,"
                " `<model> <utterance> <utterance> ...`."
            )
        models[model] = utts
    if not models:
        raise DataDirError(f"{path}: no model in it. Write lines `<model> <utterance> ...`.")
    return models


def write_models(utts_of: dict[str, list[str]], data: str, out: str | Path, where: str) -> int:
    """Write spk2utt (model -> utterances), utt2spk (model -> speaker) and utt2dur (their sum).

    Parameters
    ----------
    utts_of : dict of str to list of str
        The utterances of each model, as `read_models` gives them.
    data : str
        The data directory of the utterances.
    out : str
        The data directory to write, whose keys are models.
    where : str
        Where the models come from, for messages.

    Raises
    ------
    DataDirError
        If an utterance is not in `data`, or the utterances of a model have several speakers.
    """
    utt2spk, utt2dur = (read_table(f"{data}/{name}") for name in ("utt2spk", "utt2dur"))
    unknown = sorted({utt for utts in utts_of.values() for utt in utts} - utt2spk.keys())
    if unknown:
        near = near_names(unknown[0], utt2spk, limit=1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise DataDirError(
            f"{where}: {len(unknown)} utterances are not in {data}/utt2spk ({some(unknown)})."
            f" {hint}Name utterances as that table does."
        )
    speakers_of = {model: {utt2spk[utt] for utt in utts} for model, utts in utts_of.items()}
    mixed = sorted(model for model, speakers in speakers_of.items() if len(speakers) > 1)
    if mixed:
        raise DataDirError(
            f"{where}: the utterances of {len(mixed)} models have several speakers"
            f" ({some(mixed)}). A model is of one speaker."
        )
    write_tables(
        {
            f"{out}/spk2utt": {model: " ".join(utts) for model, utts in utts_of.items()},
            f"{out}/utt2spk": {model: speakers.pop() for model, speakers in speakers_of.items()},
            f"{out}/utt2dur": {
                model: f"{sum(float(utt2dur[utt]) for utt in utts):.4f}"
                for model, utts in utts_of.items()
            },
        }
    )
    return len(utts_of)
