"""X-vectors of many recordings, as a table."""

from steps_py.errors import AudioError
from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_reading,
    add_system,
    open_system,
    reading_of,
    warn,
)


@SUBCOMMANDS.register("embed")
class Embed(Subcommand):
    """Write the x-vectors of recordings, folders and Kaldi data directories to a file.

    sidewinder embed results/system.swx anna.wav recordings/ --out voices.ark

    The suffix of --out chooses the format: .ark (with .scp beside), .npz or .parquet. The key of a
    file is its name without suffix; of a file in a folder, its path below the folder, with - for
    /; in a Kaldi data directory, the utterance.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument(
            "inputs", nargs="+", help="recordings, folders of them, or Kaldi data directories"
        )
        parser.add_argument("--out", required=True, help="file to write")
        parser.add_argument("--format", help="of --out, if its suffix does not say it")
        parser.add_argument(
            "--keep-going",
            action="store_true",
            help="leave out recordings that cannot be embedded, with a warning each",
        )
        add_reading(parser)

    def run(self, args):
        from tqdm import tqdm  # start-up time

        from steps_py.embeddings.outputs.base import VectorRow, format_of
        from steps_py.sidewinder.inputs import recordings_in

        writer = format_of(args.out, args.format)(args.out)
        recordings = recordings_in(args.inputs)
        system, reading, num_lost = open_system(args), reading_of(args), 0
        with writer, tqdm(total=len(recordings), unit=" recordings", disable=None) as bar:
            for voice_of in batches(system, recordings, reading):
                for key, result in voice_of:
                    bar.update()
                    if isinstance(result, AudioError):
                        if not args.keep_going:
                            raise result
                        num_lost += 1
                        warn([f"{key}: left out: {result}"])
                    else:
                        writer.write(VectorRow(key, result.xvector_E, result.speech_sec))
            if num_lost == len(recordings):
                raise AudioError(f"{args.out}: none of the {num_lost} recordings can be embedded.")
        print(f"{args.out}: {len(recordings) - num_lost} x-vectors, {num_lost} left out")


def batches(system, recordings, reading):
    """Lists of (key, Voice or AudioError), computed together where all of a batch are good."""
    from steps_py.system.system import BATCH_RECORDINGS  # start-up time

    items = list(recordings.items())
    for start in range(0, len(items), BATCH_RECORDINGS):
        batch = items[start : start + BATCH_RECORDINGS]
        try:
            voices = list(system.voices([source for _, source in batch], **reading))
            yield list(zip([key for key, _ in batch], voices, strict=True))
        except AudioError:
            yield [(key, _one(system, source, reading)) for key, source in batch]


def _one(system, source, reading):
    try:
        return system.voice(source, **reading)
    except AudioError as error:
        return error
