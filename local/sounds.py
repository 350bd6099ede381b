"""sounds: any folders of noise, music, babble or room responses, for augmentation."""

import dataclasses
import os

from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Recording, make_id
from steps_py.settings.declare import setting


@CORPORA.register("sounds")
class Sounds(Corpus):
    """Every file is a "speaker" of its own: who or what makes the sound does not matter."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        parts: dict[str, list[str]] = setting({}, "part -> patterns of folders below root")

    layout = """
<folder>/.../<sound>.wav                      (or .flac, .ogg, .mp3)
and in config.yaml: parts: {noise: ["esc10_*"], music: [music]}"""
    source = "Your own recordings; the keys are in local/README.md."

    def parts(self):
        return list(self.config.parts) or ["all"]

    def folders(self, part):
        return ["."]

    def missing_part(self, part):
        return super().missing_part(part) or (None if self.find(part) else self.no_match(part))

    def no_match(self, part):
        patterns = ", ".join(self.patterns(part))
        return f"{self.key}.parts.{part}: no folder in {self.config.root} matches {patterns}."

    def patterns(self, part):
        """The part's patterns of folders below root."""
        return self.config.parts.get(part, ["."])

    def find(self, part):
        """The part's folders, relative to root, each once and none below another."""
        found = set()
        for pattern in self.patterns(part):
            matches = [self.root] if pattern == "." else self.root.glob(pattern)
            found.update(path.relative_to(self.root) for path in matches if path.is_dir())
        return sorted(path for path in found if not found & set(path.parents))

    def recordings(self, part):
        for folder in self.find(part):
            for path in self.walk(self.root / folder):
                path = os.path.normpath(f"{folder}/{path}")
                utt = make_id(*os.path.splitext(path)[0].split("/"))
                yield Recording(utt, utt, f"{self.root}/{path}")
