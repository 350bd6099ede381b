"""The sections of a recipe; each is a dataclass of the package that uses it.

The checks of `steps_py.recipe.config`, workflow/schemas/config.schema.yaml and docs/config.md
are derived from them (`steps_py.recipe.schema` writes the files).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from steps_py.attribution.config import AttributionConfig
from steps_py.augment.config import AugmentConfig
from steps_py.backend.config import BackendConfig
from steps_py.chunks.config import ChunksConfig
from steps_py.conversations.config import DiarizationConfig
from steps_py.data.config import DataConfig
from steps_py.embeddings.config import XvectorsConfig
from steps_py.feats.config import CmvnConfig, FeatsConfig, VadConfig
from steps_py.ivector.config import IvectorConfig
from steps_py.model.config import ModelConfig
from steps_py.pseudo_labels.config import PseudoLabelsConfig
from steps_py.recipe.plan_config import PlanConfig
from steps_py.report.config import ReportConfig
from steps_py.scoring.config import MetricsConfig, ScoresConfig
from steps_py.segmentation.config import SegmentationConfig
from steps_py.settings.declare import section, setting
from steps_py.simulation.config import SimulationSection
from steps_py.system.config import SystemConfig
from steps_py.training.config import TrainConfig
from steps_py.ubm.config import UbmConfig


@dataclass(frozen=True, kw_only=True)
class RecipeConfig:
    """One recipe: egs/<name>/config.yaml."""

    KEYWORDS: ClassVar[dict] = {
        "if": {"properties": {"extractor": {"enum": ["network"]}}},
        "then": {
            "required": ["chunks", "model", "train"],
            "properties": {name: {"type": "object"} for name in ("chunks", "model", "train")},
        },
    }

    extractor: Literal["network", "ivector"] = setting(
        "network",
        "what computes the vector of an utterance: a network (sections chunks, model, train) or"
        " i-vectors (ubm, ivector)",
    )
    data: DataConfig = setting(description="corpora, sets and trial lists")
    augment: AugmentConfig = section(AugmentConfig, "altered copies of the training data")
    feats: FeatsConfig = setting(description="acoustic features")
    vad: VadConfig = setting(description="voice activity detection")
    cmvn: CmvnConfig = section(
        CmvnConfig, "sliding mean normalisation, the same in training and extraction"
    )
    chunks: ChunksConfig | None = setting(
        None, "which frames the network is trained on; required for a network"
    )
    model: ModelConfig | None = setting(None, "the network; required for a network")
    train: TrainConfig | None = setting(None, "its training; required for a network")
    ubm: UbmConfig = section(UbmConfig, "the background model of i-vectors")
    ivector: IvectorConfig = section(IvectorConfig, "the extractor of i-vectors")
    pseudo_labels: PseudoLabelsConfig | None = setting(
        None, "speakers of unlabelled speech, found by clustering x-vectors in rounds"
    )
    xvectors: XvectorsConfig = section(XvectorsConfig, "extraction of x-vectors")
    backend: BackendConfig = section(
        BackendConfig,
        "training sets of the steps of scores.systems, and options for all steps of a name; an"
        " option in a chain takes precedence",
    )
    scores: ScoresConfig = section(ScoresConfig, "scoring systems")
    simulation: SimulationSection = section(
        SimulationSection, "conversations that are built from speech of single speakers"
    )
    diarization: DiarizationConfig | None = setting(
        None, "who spoke when in recordings. docs/diarization.md"
    )
    segmentation: SegmentationConfig | None = setting(
        None, "networks that say who speaks in each frame, for section diarization"
    )
    attribution: AttributionConfig | None = setting(
        None, "averages of maps of scores; null: none are computed"
    )
    report: ReportConfig = section(ReportConfig, "contents of results/report.html")
    system: SystemConfig = section(SystemConfig, "the file results/system.swx")
    plan: PlanConfig = section(PlanConfig, "for `snakemake plan`; results do not depend on it")
    metrics: MetricsConfig = section(MetricsConfig, "measures in the results tables")


@dataclass(frozen=True, kw_only=True)
class DiarizationRecipe:
    """A recipe that trains nothing: who spoke when, by the network of another recipe."""

    simulation: SimulationSection = section(
        SimulationSection, "conversations that are built from speech of single speakers"
    )
    diarization: DiarizationConfig = setting(description="who spoke when in recordings")
    segmentation: SegmentationConfig | None = setting(
        None, "networks that say who speaks in each frame, for section diarization"
    )
    xvectors: XvectorsConfig = section(XvectorsConfig, "extraction of x-vectors")


def recipe_class(config: dict) -> type:
    """The sections of a recipe: all, or those of a recipe with ``diarization`` and no ``data``."""
    only_diarization = "diarization" in config and "data" not in config
    return DiarizationRecipe if only_diarization else RecipeConfig
