"""Write who made the results, and of what: commit, commands, versions, config, digests.

python -m steps_py.stages.write_manifest --commands built-in --config '{...}' \
    --out results/manifest.json
"""

import argparse
import json

from steps_py.audio.pipe_checks import emulated_programs
from steps_py.data.data_dir import read_table
from steps_py.files import atomic_write
from steps_py.program import run
from steps_py.recipe.extractor import trains_on_audio
from steps_py.recipe.manifest import manifest


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", required=True, help="built-in, or a Kaldi's folder")
    parser.add_argument("--config", required=True, help="the whole config, as JSON")
    parser.add_argument("--made-from", nargs="*", default=[], help="files whose digests to keep")
    parser.add_argument("--wav-scp", nargs="*", default=[], help="of all sets and sounds")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    config = json.loads(args.config)
    emulated = programs_emulated(args.wav_scp) if emulates(args.commands, config) else []
    with atomic_write(args.out) as out:
        json.dump(manifest(args.commands, config, emulated, args.made_from), out, indent=2)
        out.write("\n")


def emulates(commands: str, config: dict[str, dict[str, str]]) -> bool:
    """Whether audio is read by this project, and not only by the programs of a Kaldi's folder."""
    return commands == "built-in" or trains_on_audio(config)


def programs_emulated(paths: list[str]) -> list[str]:
    """The programs in the pipes of several wav.scp that the project evaluates itself."""
    entries = (entry for path in paths for entry in read_table(path).values())
    return emulated_programs(entries)


if __name__ == "__main__":
    run(main)
