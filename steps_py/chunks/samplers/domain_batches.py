"""Each batch from one domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from steps_py.chunks.samplers.base import SAMPLERS, Draw, Sampler
from steps_py.errors import ConfigError, did_you_mean
from steps_py.settings.declare import Count, part, setting

ORDER = 16  # the stream of the order of domains; those of domain d are shifted by ORDER * (d + 1)


@SAMPLERS.register("domain_batches")
class DomainBatches(Sampler):
    """Batches of one domain each, a label of the utterances, that take turns in a given ratio.

    Of `ratio` ``{book: 3, phone: 2}`` three of five consecutive batches are of the first, in
    random order; a domain that is not named has no batches.  The batches of a domain are those
    of the sampler `inner` on its utterances alone.

    Source: SEQUENS's `batch_iterator_multi_set` and Wenhao Yang's alternating batches (ratio .6).
    """

    needs_labels = True

    @dataclass(frozen=True, kw_only=True)
    class Config:
        labels: str = setting("domain", "table utt2<labels> of data/train")
        ratio: dict[str, Count] = setting({}, "batches of each domain in a turn; {}: one of each")
        inner: Annotated[dict, part("sampler")] = setting(
            {"name": "balanced"}, "sampler of the utterances of a domain"
        )

    def __init__(
        self,
        config: Config,
        spk_id_U: np.ndarray,
        batch_size: int,
        draw: Draw,
        names: Sequence[str],
        label_U: np.ndarray,
    ):
        if SAMPLERS.find(config.inner["name"]).needs_labels:
            raise ConfigError(
                "sampler 'domain_batches': inner is one of domains again. Set it to another."
            )
        ratio = dict(config.ratio) or dict.fromkeys(names, 1)
        for name in ratio:
            if name not in names:
                raise ConfigError(
                    f"sampler 'domain_batches': ratio names '{name}', but no training utterance"
                    f" has it in utt2{config.labels}. {did_you_mean(name, names)}"
                )
        self._draw = draw
        self._turn = np.repeat(np.arange(len(ratio)), list(ratio.values()))
        self._domains = []
        for number, name in enumerate(ratio):
            rows_U = np.flatnonzero(label_U == list(names).index(name))
            _, own_id_U = np.unique(spk_id_U[rows_U], return_inverse=True)
            own_draw = _shifted(draw, ORDER * (number + 1))
            sizes = {"spk_id_U": own_id_U, "batch_size": batch_size, "draw": own_draw}
            try:
                inner = SAMPLERS.build(config.inner, **sizes)
            except ConfigError as error:
                raise ConfigError(f"domain '{name}': {error}") from None
            self._domains.append((rows_U, inner))
        self.utts_per_speaker = min(inner.utts_per_speaker for _, inner in self._domains)

    @staticmethod
    def speakers_needed(config: Config, batch_size: int) -> int:
        cls, inner = SAMPLERS.configure(config.inner)
        return cls.speakers_needed(inner, batch_size)

    def rows(self, step: int, random: np.random.Generator) -> np.ndarray:
        number, place = divmod(step, len(self._turn))
        order = self._draw(ORDER, number, 0).permutation(self._turn)
        domain = order[place]
        before = number * (self._turn == domain).sum() + (order[:place] == domain).sum()
        rows_U, inner = self._domains[domain]
        return rows_U[inner.rows(int(before), random)]


def _shifted(draw, by):
    return lambda stream, first, second: draw(stream + by, first, second)
