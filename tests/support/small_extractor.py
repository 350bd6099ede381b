"""final.pt of a small network that is not trained, and the x-vectors of the recipe's own stages."""

import numpy as np
import torch

from steps_py.feats.config import CmvnConfig
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.kaldi_io_tables import read_vectors
from steps_py.model.build import build_model
from steps_py.model.config import ModelConfig
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.stages import extract_xvectors
from tests.support.kaldi_calls import kaldi
from tests.support.small_audio import RATE_HZ, draw_speech, write_wav

MODEL = ModelConfig(
    front_ends=["instance_norm"],
    encoder={"name": "tdnn", "hidden_dim": 8, "out_dim": 12},
    pooling={"name": "stats"},
    embedding_dim=6,
)
CONFS = {
    "mfcc": "--use-energy=true\n--num-ceps=8\n--num-mel-bins=12\n",
    "fbank": "--use-energy=true\n--num-mel-bins=12\n",
    "waveform": "",
}
# a third of the frames of draw_speech, which is loud and less loud in turns
VAD = "--vad-energy-threshold=2\n--vad-energy-mean-scale=0.9\n--vad-frames-context=2\n"
NO_VAD = "--vad-energy-threshold=-1000\n--vad-energy-mean-scale=0\n"


def write_recording(path, sec=3.0, seed=1, rate_hz=RATE_HZ):
    rng = np.random.default_rng(seed)
    samples_N = draw_speech(rng, int(sec * rate_hz), 120)
    samples_N[: len(samples_N) // 3] //= 50
    return write_wav(path, samples_N, rate_hz)


def write_model(
    folder, kind="mfcc", compress=True, norm_vars=False, more="", rate_hz=RATE_HZ, vad=VAD
):
    """final.pt of features of a kind, and its conf files."""
    conf = folder / f"{kind}.conf"
    conf.write_text(f"--sample-frequency={rate_hz}\n{CONFS[kind]}{more}")
    (folder / "vad.conf").write_text(vad)
    torch.manual_seed(2)
    feat_dim = {"mfcc": 8, "fbank": 13, "waveform": 1 + rate_hz // 100}[kind]
    model = build_model(MODEL, feat_dim=feat_dim).train()
    for _ in range(3):
        model(2 * torch.randn(4, 60, feat_dim))
    extractor = Extractor(
        model=model.eval(),
        config=MODEL,
        feat_dim=feat_dim,
        cmvn=CmvnConfig(window_frames=50, norm_vars=norm_vars),
        front_end=FrontEnd.of_recipe(kind, conf, folder / "vad.conf", compress),
    )
    save_extractor(folder / "final.pt", extractor)
    return folder / "final.pt"


def xvectors_of_recipe(folder, kind, wavs, compress=True, config="{}"):
    """What the commands and stages of the rules make of the recordings {utt: path}."""
    (folder / "wav.scp").write_text("".join(f"{utt} {path}\n" for utt, path in wavs.items()))
    steps = [
        [
            f"compute-{kind}-feats",
            f"--config={folder}/{kind}.conf",
            f"scp:{folder}/wav.scp",
            f"ark:{folder}/raw.ark",
        ],
        [
            "copy-feats",
            f"--compress={str(compress).lower()}",
            f"ark:{folder}/raw.ark",
            f"ark,scp:{folder}/feats.ark,{folder}/feats.scp",
        ],
        [
            "compute-vad",
            f"--config={folder}/vad.conf",
            f"scp:{folder}/feats.scp",
            f"ark,t,scp:{folder}/vad.ark,{folder}/vad.scp",
        ],
    ]
    assert [kaldi(*step) for step in steps] == [0, 0, 0]
    extract_xvectors.main(
        [
            "--model",
            f"{folder}/final.pt",
            "--feats",
            f"{folder}/feats.scp",
            "--vad",
            f"{folder}/vad.scp",
            "--config",
            config,
            "--out-ark",
            f"{folder}/x.ark",
            "--out-scp",
            f"{folder}/x.scp",
        ]
    )
    return read_vectors(folder / "x.ark")
