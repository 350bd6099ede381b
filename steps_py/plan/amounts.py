"""The amount of work of a job, in the units of the costs.

Units: job; utt, hour and frame of its set or part; decoded (utterances that ffmpeg decodes);
speaker; feat_byte (features on disk); xvector_byte; trial; chunk (a training example); audio_chunk
(one read from audio, with features computed in training); altered_chunk (one with noise or
reverberation added); weight (of the network); train_gflop and extract_gflop (arithmetic of the
network); gauss_gflop (arithmetic of background models and i-vectors), full_ubm_byte and
extractor_byte (their files).
"""

from pathlib import Path

from steps_py.chunks.sampler import num_steps_per_epoch
from steps_py.embeddings.config import xvector_dim
from steps_py.feats.feature_conf import feature_dim, read_feature_options
from steps_py.plan.ivector_amounts import IvectorAmounts
from steps_py.plan.jobs import scatter_share
from steps_py.plan.sizes import Size
from steps_py.recipe.extractor import trains_on_audio

READERS = 2  # data loading processes if train.num_workers is null
BACKWARD = 3  # forward and backward together take three times the arithmetic of forward


class Amounts:
    """The amounts of work of the jobs of a recipe with known `sizes`."""

    def __init__(self, config, recipe, sizes):
        self.config, self.sizes = config, sizes
        feats = config["feats"]
        conf = Path(recipe, feats["conf"])
        self.feat_dim = feature_dim(feats["type"], conf)
        options = read_feature_options(feats["type"], conf)
        self.frames_per_hour = 3600 * 1000 / options.frame_shift
        self.gflop_per_frame, self.num_weights = measure_network(config["model"], self.feat_dim)
        self.from_audio = trains_on_audio(config)
        self.of_ivectors = config["train"] is None and IvectorAmounts(config, self.feat_dim)
        copies = "train_augmented" in sizes and not self.from_audio
        self.train_sets = ["train"] + ["train_augmented"] * copies
        pseudo = config["pseudo_labels"]
        self.unlabelled = [pseudo["unlabelled"]] if pseudo else []
        self.train_sets += [name for name in self.unlabelled if name not in self.train_sets]
        self.num_speeds = len((config["augment"]["online"] or {}).get("speeds", [1.0]))

    def of(self, job, about=None):
        """Amounts of `job` by its wildcards; for a rule without wildcards by `about`."""
        wildcards = job.wildcards
        if wildcards.get("trials") in self.config["data"]["trials"]:
            return self.of_trials(wildcards["trials"])
        if "dset" in wildcards or "clean" in wildcards:
            size = self.size(wildcards.get("dset") or wildcards["clean"])
        elif "copied" in wildcards or "cropped" in wildcards:
            size = self.size(f"{wildcards.get('copied') or wildcards['cropped']}_copies")
        elif {"corpus", "part"} <= wildcards.keys():
            size = self.size(f"{wildcards['corpus']}.{wildcards['part']}")
        else:
            size = self.about(about)
        amounts = {unit: n * scatter_share(job) for unit, n in self.of_size(size).items()}
        if self.of_ivectors:
            amounts |= self.of_ivectors.of(job.rule, amounts["frame"], amounts["utt"])
        if about == "training":
            amounts |= self.of_training()
        return amounts | {"job": 1}

    def size(self, name: str):
        """The Size of a set or part; an empty one for an unknown name."""
        return self.sizes.get(name, Size())

    def about(self, about):
        """The size of the input of a rule without wildcards."""
        if about == "copies":
            return self.size("train_augmented")
        names = {
            "training": self.train_sets,
            "backend": self.config["backend"]["train_sets"],
            "ubm": [self.config["ubm"]["train_set"]],
            "ivector": [self.config["ivector"]["train_set"]],
            "sets": list(self.config["data"]["sets"]),
            "unlabelled": self.unlabelled,
            "corpus": [name for name in self.sizes if "." in name],
        }.get(about, [])
        return sum((self.sizes[name] for name in names), Size())

    def of_size(self, size):
        frames = size.hours * self.frames_per_hour
        return {
            "utt": size.utts,
            "hour": size.hours,
            "frame": frames,
            "decoded": size.decoded,
            "speaker": size.speakers,
            "feat_byte": frames * self.feat_dim * (1 if self.config["feats"]["compress"] else 4),
            "xvector_byte": size.utts * xvector_dim(self.config) * 4,
            "extract_gflop": frames * self.gflop_per_frame,
        }

    def of_trials(self, name: str):
        """The trials of a list, and the utterances of its enrolment and test sets."""
        trials = self.config["data"]["trials"][name]
        models = self.config["data"]["models"]
        sides = {
            models[side]["of"] if side in models else side
            for side in (trials["enroll"], trials["test"])
        }
        sides = sum((self.sizes[side] for side in sorted(sides)), Size())
        return self.of_size(sides) | {"trial": self.sizes[f"trials/{name}"].trials, "job": 1}

    def of_training(self):
        train, chunks = self.config["train"], self.config["chunks"]
        utts = self.about("training").utts * self.num_speeds
        num_chunks = frames = 0
        for stage in train["stages"] or [{}]:
            own, lengths = train | stage, chunks | stage
            steps = num_steps_per_epoch(int(utts), own["batch_size"], own["steps_per_epoch"])
            num = own["num_epochs"] * steps * own["batch_size"]
            num_chunks += num
            frames += num * (lengths["min_frames"] + lengths["max_frames"]) / 2
        head = (
            2e-9
            * self.config["model"]["embedding_dim"]
            * self.sizes["train"].speakers
            * self.num_speeds
        )
        gflop = BACKWARD * (frames * self.gflop_per_frame + num_chunks * head)
        amounts = {"chunk": num_chunks, "train_gflop": gflop, "weight": self.num_weights}
        if self.from_audio:
            online = self.config["augment"]["online"] or {"probability": 0}
            amounts["audio_chunk"] = num_chunks
            amounts["altered_chunk"] = num_chunks * online["probability"]
        # threads of the arithmetic on a CPU, and data loading processes
        readers = READERS if train["num_workers"] is None else train["num_workers"]
        return amounts | {"threads": train["num_threads"] + readers}


def measure_network(model, feat_dim, num_frames=400):
    """(10^9 operations of a forward pass per frame, number of weights) of the network."""
    if model is None:
        return 0.0, 0

    from steps_py.model.config import ModelConfig  # start-up time
    from steps_py.model.macs import count_macs, shape_of_model

    network = shape_of_model(ModelConfig(**model), feat_dim)
    num_weights = sum(weights.numel() for weights in network.state_dict().values())
    return 2e-9 * count_macs(network, feat_dim, num_frames) / num_frames, num_weights
