"""The speaker whose x-vectors are next nearest."""

from steps_py.conversations.second_speakers.base import SECOND_SPEAKERS, SecondSpeaker
from steps_py.diarization.clusterers.base import means_of, unit_rows


@SECOND_SPEAKERS.register("next_likely")
class NextLikely(SecondSpeaker):
    """The other speaker whose mean has the highest cosine with the x-vectors of the stretch."""

    def of(self, clustered):
        x_ND = unit_rows(clustered.x_ND)
        row_N = clustered.rows()
        mean_SD, _ = means_of(x_ND, row_N)
        named = dict(zip(sorted(set(row_N.tolist())), unit_rows(mean_SD), strict=True))

        def choose(begin, end, speaker):
            x_D = x_ND[clustered.near(begin, end)].mean(axis=0)
            cosines = {
                clustered.speakers[row]: float(mean_D @ x_D) for row, mean_D in named.items()
            }
            cosines.pop(speaker, None)
            return max(cosines, key=cosines.get) if cosines else None

        return choose
