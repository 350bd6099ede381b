"""What the results were made by and of."""

import yaml

from steps_py.report.base import REPORT_SECTIONS, Section
from steps_py.report.blocks import Code, Table, Text


@REPORT_SECTIONS.register("provenance")
class Provenance(Section):
    """Commit, commands, versions, config and checksums, from results/manifest.json."""

    title = "Provenance"

    def blocks(self):
        manifest = self.run.manifest
        emulated = ", ".join(manifest["emulated_programs"]) or "none"
        rows = [
            ["commit", manifest["commit"]],
            ["Kaldi's commands", manifest["commands"]],
            ["programs in wav.scp that the project emulates", emulated],
            ["machine", manifest["machine"]],
            ["Python", manifest["python"]],
            *([name, version] for name, version in manifest["packages"].items()),
        ]
        seeds = [[key, str(value)] for key, value in _seeds(self.run.config)]
        lists = self.run.results.drop_duplicates("list")
        sums = [[row.list, row.list_sha256] for row in lists.itertuples()]
        return [
            Table(["", ""], rows, num_left=2),
            Table(["list", "SHA-256, first 16 digits"], sums, num_left=2),
            Table(["seed", "value"], seeds, title="Seeds", num_left=2),
            Text("The recipe's config, as far as it differs from the defaults:"),
            Code(yaml.safe_dump(manifest["config"], sort_keys=False, allow_unicode=True)),
        ]


def _seeds(section, path=()):
    """(dotted key, value) of every key ``seed``."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _seeds(value, (*path, key))
        elif key == "seed":
            yield ".".join((*path, key)), value
