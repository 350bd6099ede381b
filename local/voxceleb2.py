"""VoxCeleb2: 6,112 speakers, interviews on YouTube (Chung et al., Interspeech 2018).

The release is AAC in m4a files, which ffmpeg decodes each time an utterance is read; a
copy converted to wav saves that time and takes about four times the room.
"""

import shutil

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording
from steps_py.errors import ConfigError, DataDirError

# Published are 2,442 hours in all; here they are shared out by utterances.
PUBLISHED = {
    "dev": Published(5994, 1092009, 2363.6),
    "test": Published(118, 36237, 78.4),
}


@CORPORA.register("voxceleb2")
class VoxCeleb2(Corpus):
    layout = """
dev/aac/id00012/21Uxsk56VDQ/00001.m4a ...     (or dev/wav/.../00001.wav, converted)
test/aac/id00017/01dfn2spqyE/00001.m4a ...    (or test/wav/.../00001.wav, converted)"""
    licence = "CC BY 4.0"
    source = """
Get it from https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html (on request; CC BY 4.0).
The m4a files need ffmpeg on PATH."""
    published = PUBLISHED
    needs_decoder = True

    def folders(self, part):
        return [
            f"{part}/wav",
            f"{part}/aac",
            f"vox2_{part}_wav/{part}/wav",
            f"vox2_{part}_aac/{part}/aac",
        ]

    def recordings(self, part):
        folder = self.folder(part)
        suffix = ".wav" if folder.name == "wav" else ".m4a"
        if suffix == ".m4a" and shutil.which("ffmpeg") is None:
            raise ConfigError(
                f"{self.name}.{part}: the recordings are m4a files, and there is no ffmpeg on"
                f" PATH to decode them. Install ffmpeg, or convert them to {part}/wav once."
            )
        for path in self.walk(folder, (suffix,)):
            match path[: -len(suffix)].split("/"):
                case [spk, video, segment]:
                    yield Recording(f"{spk}-{video}-{segment}", spk, f"{folder}/{path}")
                case _:
                    raise DataDirError(
                        f"{folder}: {path} is not <speaker>/<video>/<segment>{suffix}."
                        " Keep only VoxCeleb's own files there."
                    )
