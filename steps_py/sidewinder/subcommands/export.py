"""The network for other programs."""

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

    The suffix of the file chooses the format: .onnx or .pt2. The input, features (1, T, D), are
    voiced frames after mean normalisation, of any number; the output is the x-vector. The file is
    compared with the network at several lengths, and kept only if they agree to 1e-4.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("out", help="file to write")
        parser.add_argument("--format", help="of the file, if its suffix does not say it")

    def run(self, args):
        from steps_py.export.export import export_system, format_of  # start-up time

        file_format = format_of(args.out, args.format)
        found = export_system(open_system(args), args.out, file_format)
        lengths = ", ".join(map(str, found.num_frames))
        print(f"{found.path}: differs by {found.difference:.1e} at most, of {lengths} frames")
