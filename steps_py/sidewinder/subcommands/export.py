"""The network for other programs."""

from steps_py.errors import ConfigError
from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_system,
    open_system,
)


@SUBCOMMANDS.register("export")
class Export(Subcommand):
    """Write the network for programs without this package: ONNX, or torch.export.

    sidewinder export results/system.swx network.onnx

    The suffix of the file chooses the format: .onnx, .pt2 or .ts. The input, features (1, T, D),
    are voiced frames after mean normalisation, of any number; with --features it is a waveform
    (1, N), samples from -1 to 1. The output is the x-vector. The file is compared with the network
    at several lengths, and kept only if they agree to 1e-4.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("out", help="file to write")
        parser.add_argument("--format", help="of the file, if its suffix does not say it")
        parser.add_argument(
            "--features",
            action="store_true",
            help="begin with samples: features, voice activity detection and normalisation too",
        )

        parser.add_argument(
            "--int8",
            action="store_true",
            help="weights in 8 bits; what that costs is written to OUT.json",
        )
        parser.add_argument(
            "--trials", help="with --int8: list of trials, whose error rates are measured"
        )
        parser.add_argument(
            "--recordings",
            nargs="+",
            default=[],
            metavar="INPUT",
            help="those of --trials: files, folders, or Kaldi data directories",
        )

    def run(self, args):
        from steps_py.data.trials import read_trial_list  # start-up time
        from steps_py.export.export import export_int8, export_system, format_of
        from steps_py.sidewinder.inputs import recordings_in

        if bool(args.trials) != bool(args.recordings) or (args.trials and not args.int8):
            raise ConfigError("--trials and --recordings are given together, with --int8.")
        file_format = format_of(args.out, args.format)
        if not args.int8:
            print(export_system(open_system(args), args.out, file_format, args.features))
            return
        trials = read_trial_list(args.trials) if args.trials else None
        recordings = recordings_in(args.recordings)
        system = open_system(args)
        cost = export_int8(system, args.out, file_format, args.features, trials, recordings)
        said = f"cosine {cost['least_cosine']:.4f} at least"
        if trials is not None:
            rates = {name: found["eer_percent"] for name, found in cost["trials"].items()}
            said = f"EER {rates['int8']:.2f} %, {rates['float32']:.2f} % in float32"
        print(
            f"{args.out}: {said}; {cost['int8_bytes']} bytes, {cost['float32_bytes']} in float32;"
            f" {args.out}.json has more"
        )
