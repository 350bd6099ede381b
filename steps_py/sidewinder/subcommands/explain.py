"""Why are two recordings scored as they are?"""

import json

from steps_py.errors import ConfigError
from steps_py.files import atomic_write
from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_json,
    add_reading,
    add_system,
    open_system,
    print_answer,
    reading_of,
)


@SUBCOMMANDS.register("explain")
class Explain(Subcommand):
    """Show on which parts of two recordings their score stands.

    sidewinder explain results/system.swx a.wav b.wav --out a_b.png

    For each recording, with the other one fixed, a map says how much every feature of every frame
    counts. Beside it stand the scores when features are removed or inserted in the order of the
    map, against random orders, and the map's resemblance to those of networks with shuffled
    weights. docs/explain.md has the methods.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("first", help="a recording")
        parser.add_argument("second", help="another recording")
        parser.add_argument("--out", help="picture to write: .png, .svg or .pdf")
        parser.add_argument("--npz", help="file to write the raw maps to")
        parser.add_argument(
            "--method",
            default="integrated_gradients",
            help="a name, or '{name: gradcam, layer: encoder.layers.2}' (default: %(default)s)",
        )
        parser.add_argument(
            "--score",
            choices=("system", "cosine"),
            default="system",
            help="what is explained: the score that decides, or the cosine of the x-vectors",
        )
        parser.add_argument(
            "--no-checks",
            action="store_true",
            help="leave out the curves and the shuffled networks, which take most of the time",
        )
        parser.add_argument(
            "--coefficients",
            action="store_true",
            help="maps of the cepstra themselves, not of the frequency bands that they stand for",
        )
        parser.add_argument("--prior", type=float, help="default: that of the system, 0.5")
        add_reading(parser)
        add_json(parser)

    def run(self, args):
        from steps_py.attribution.picture import check_picture  # start-up time
        from steps_py.system.explain import explain, picture_of
        from steps_py.system.sound import Reading

        if args.out:
            check_picture(args.out)
        method = method_of(args.method)
        found = explain(
            open_system(args),
            args.first,
            args.second,
            method,
            score=args.score,
            checks=not args.no_checks,
            coefficients=args.coefficients,
            prior=args.prior,
            reading=Reading(**reading_of(args)),
        )
        if args.npz:
            self._save(args.npz, found)
        if args.out:
            picture_of(found, args.out)
        print_answer(found, args.json)

    def _save(self, path, found):
        import numpy as np  # start-up time

        with atomic_write(path, "wb") as file:
            np.savez(file, summary=json.dumps(found.as_dict()), **found.arrays())


def method_of(text: str) -> dict:
    """``{"name": ..., **options}`` of a name, or of YAML with it.

    >>> method_of("gradient"), method_of("{name: gradcam, signed: true}")
    ({'name': 'gradient'}, {'name': 'gradcam', 'signed': True})
    """
    import yaml  # start-up time

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if isinstance(found, str):
        return {"name": found}
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        raise ConfigError(
            f"--method: '{text[:80]}' is no method. Give a name, or '{{name: gradient}}'."
        )
    return found
