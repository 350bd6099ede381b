"""Section ``report`` of a recipe."""

from dataclasses import dataclass

from steps_py.settings.declare import Count, Seed, setting

SECTIONS = [
    *(
        "results",
        "diarization",
        "det",
        "histograms",
        "calibration",
        "conditions",
        "learning",
        "lr_search",
    ),
    *("search", "embeddings", "f_ratio", "attribution", "errors", "data", "cost", "provenance"),
]


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Section ``report`` of a recipe."""

    sections: list[str] = setting(
        SECTIONS, "what results/report.html shows, in this order. docs/report.md", uniqueItems=True
    )
    num_errors: Count = setting(20, "worst false accepts, and as many false rejects, of a list")
    audio_mb: float = setting(
        2.0, "megabytes of recordings of these errors inside the report; 0: none", minimum=0
    )
    audio_sec: float = setting(4.0, "seconds of each recording, from its start", exclusiveMinimum=0)
    num_map_speakers: Count = setting(30, "speakers on the map of x-vectors")
    num_map_utts: Count = setting(20, "x-vectors of each of them, at most")
    seed: Seed = setting(0, "of the choice of speakers and of the map")
