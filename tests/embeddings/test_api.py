"""One recording embedded by final.pt alone: the x-vector of the recipe's own stages."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from steps_py.audio.decode import read_file
from steps_py.embeddings.api import Embedder, embed
from steps_py.embeddings.config import XvectorsConfig
from steps_py.errors import AudioError, ConfigError, StepsError
from steps_py.feats.front_end import FrontEnd
from steps_py.formats.kaldi_io_tables import read_vectors
from steps_py.model.extractor import Extractor, save_extractor
from steps_py.stages import embed as embed_stage
from tests.support.small_audio import RATE_HZ, draw_speech, write_conf, write_wav
from tests.support.small_extractor import (
    CONFS,
    MODEL,
    write_model,
    write_recording,
    xvectors_of_recipe,
)

torch.set_num_threads(1)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("kind", CONFS)
def test_the_x_vector_is_that_of_the_recipe(kind, compress, tmp_path):
    final = write_model(tmp_path, kind, compress, more="--snip-edges=false\n")  # dither stays 1
    wav = write_recording(tmp_path / "anna.wav")
    expected_E = xvectors_of_recipe(tmp_path, kind, {"anna": wav}, compress)["anna"]
    found_E = embed(final, wav)
    assert (found_E.shape, found_E.dtype) == ((6,), np.float32)
    np.testing.assert_allclose(found_E, expected_E, atol=1e-5)
    voiced_T = FrontEnd.of_recipe(
        kind, tmp_path / f"{kind}.conf", tmp_path / "vad.conf", compress
    ).compute(read_file(wav), wav)[1]
    assert 25 < voiced_T.sum() < 0.9 * len(voiced_T)  # the decisions do matter


def test_long_recordings_are_cut_as_in_the_recipe(tmp_path):
    final = write_model(tmp_path, norm_vars=True, more="--dither=0\n--subtract-mean=true\n")
    wav = write_recording(tmp_path / "anna.wav", sec=4)
    chunks = {"min_chunk_frames": 20, "max_chunk_frames": 60}
    expected = xvectors_of_recipe(tmp_path, "mfcc", {"anna": wav}, config=json.dumps(chunks))
    found_E = embed(final, wav, XvectorsConfig(**chunks))
    np.testing.assert_allclose(found_E, expected["anna"], atol=1e-5)


def test_the_stage_needs_final_pt_alone(tmp_path):
    recipe, elsewhere = tmp_path / "recipe", tmp_path / "elsewhere"
    recipe.mkdir(), elsewhere.mkdir()
    shutil.copy(write_model(recipe), elsewhere / "final.pt")
    wavs = {name: write_recording(recipe / f"{name}.wav", seed=s) for s, name in enumerate("ab")}
    expected = xvectors_of_recipe(recipe, "mfcc", wavs)
    for name in "ab":
        shutil.move(recipe / f"{name}.wav", elsewhere)
    shutil.rmtree(recipe)
    environment = {k: v for k, v in os.environ.items() if k != "KALDI_ROOT"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "steps_py.stages.embed",
            "--model",
            "final.pt",
            "--wav",
            "a.wav",
            "b.wav",
            "--out",
            "out.ark",
        ],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = read_vectors(elsewhere / "out.ark")
    assert list(found) == ["a", "b"]
    for name in "ab":
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


def test_recordings_that_the_model_is_not_for_are_refused(tmp_path):
    final = write_model(tmp_path)
    speech_N = draw_speech(np.random.default_rng(0), 2 * RATE_HZ, 100)
    wrong = {
        write_wav(
            tmp_path / "fast.wav", speech_N, 16000
        ): "has 16000 Hz, but the model was trained at",
        write_wav(tmp_path / "two.wav", np.stack([speech_N, speech_N])): "has 2 channels",
        write_wav(tmp_path / "brief.wav", speech_N[:100]): "0.0125 s are too short",
        write_wav(tmp_path / "word.wav", speech_N[:1000]): "frames are voiced, at least 25 are",
        str(tmp_path / "gone.wav"): "cannot open",
        f"touch {tmp_path}/was_run |": "cannot open",
    }
    embedder = Embedder(final)
    for path, said in wrong.items():
        with pytest.raises(AudioError, match=said) as error:
            embedder.embed(path)
        assert path in str(error.value)
    assert not (tmp_path / "was_run").exists()


def test_another_rate_is_converted_where_the_conf_allows_it(tmp_path):
    final = write_model(tmp_path, more="--allow-downsample=true\n--dither=0\n", compress=False)
    speech_N = draw_speech(np.random.default_rng(0), 3 * RATE_HZ, 100)
    wav = write_wav(tmp_path / "fast.wav", speech_N, 11025)
    expected = xvectors_of_recipe(tmp_path, "mfcc", {"a": wav}, compress=False)
    np.testing.assert_allclose(embed(final, wav), expected["a"], atol=1e-5)


def test_a_model_without_feature_options_is_refused(tmp_path):
    final = write_model(tmp_path)
    extractor = Embedder(final)._extractor
    save_extractor(
        final,
        Extractor(
            model=extractor.model, config=MODEL, feat_dim=extractor.feat_dim, cmvn=extractor.cmvn
        ),
    )
    with pytest.raises(StepsError, match=r"final\.pt: has no feature options"):
        Embedder(final)


def test_two_recordings_of_one_name_are_refused():
    with pytest.raises(ConfigError, match=r"several recordings have one name \(a/x\.wav\)"):
        embed_stage.main(["--model", "m", "--wav", "a/x.wav", "b/x.flac", "--out", "o"])


@pytest.mark.parametrize(
    "conf, said",
    [("--num-cepss=3\n", "num-ceps"), ("num-ceps=3\n", "not an option"), (None, "cannot be read")],
)
def test_a_conf_that_cannot_be_read_is_named_before_the_training(conf, said, tmp_path):
    path = write_conf(tmp_path)
    vad = tmp_path / "vad.conf"
    if conf is None:
        vad = tmp_path / "gone.conf"
    else:
        vad.write_text("")
        with open(path, "a") as file:
            file.write(conf)
    with pytest.raises(ConfigError, match=said):
        FrontEnd.of_recipe("mfcc", path, vad, True)
