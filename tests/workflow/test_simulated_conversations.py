"""From the speech of a recipe's own set to a diarization error rate, by its own network."""

import pytest
import yaml

from steps_py.data.data_dir import read_table
from steps_py.diarization.error_rate import score, total
from steps_py.diarization.rttm import read_rttm
from steps_py.diarization.uem import read_uem
from tests.support.tiny_recipe import ROOT, edited, rules_to_run, snakemake

RTTM = "exp/simulation/talk_eval/ref.rttm"


def with_conversations(config):
    """The sections of egs/mini_diar, with two short recordings of the tiny recipe's speakers."""
    sections = yaml.safe_load((ROOT / "egs/mini_diar/config.yaml").read_text())
    talk = sections["simulation"]["sets"]["talk_eval"]
    talk |= {"num_recordings": 2, "num_speakers": [2], "layout": {"duration_sec": 8}}
    config["simulation"] = {"sets": {"talk_eval": talk | {"speakers": [0, 1]}}}
    diarization = sections["diarization"] | {"tune": None, "systems": {"ahc": {}}}
    diarization["sets"] = {"eval": diarization["sets"]["eval"]}
    config["diarization"] = diarization


@pytest.mark.slow
def test_conversations_of_a_recipes_speakers_are_made_and_scored(finished, tmp_path):
    folder = edited(finished, tmp_path / "recipe", with_conversations)
    done = snakemake(folder, "results/eval_der.txt", "results/eval.rttm")
    assert done.returncode == 0, done.stderr[-2000:]
    speakers = {turn.speaker for turn in read_rttm(folder / RTTM)}
    assert speakers <= set(read_table(folder / "data/mini_test/utt2spk").values())
    assert len(read_table(folder / "exp/simulation/talk_eval/wav.scp")) == 2
    errors = score(
        read_rttm(folder / RTTM),
        read_rttm(folder / "results/eval.rttm"),
        read_uem(folder / "exp/simulation/talk_eval/all.uem"),
    )
    table = (folder / "results/eval_der.txt").read_text()
    (row,) = [line.split() for line in table.splitlines() if line.startswith("ahc ")]
    assert row[1] == f"{total(errors.values()).der:.2f}"
    assert rules_to_run(folder, "results/eval_der.txt") == set()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["simulation"]["sets"]["talk_eval"]["seed"] = 2
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    again = rules_to_run(folder, "results/eval_der.txt")
    assert {"lay_out_conversations", "mix_conversations", "embed_windows"} <= again
    assert not {"train_model", "make_feats"} & again
