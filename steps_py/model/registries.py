"""What a recipe can name, and the contract each kind keeps.

Shape suffixes: B batch, T frames, D feature dimension, C channels, E embedding, S speakers.

ENCODERS    ``cls(config, in_dim)``; ``out_dim``; ``min_frames``, the shortest input;
            ``forward(x_BTD, mask_BT) -> (y_BTC, mask_BT)``, the mask cut as the frames are;
            pads of the input are 0, and must change nothing else: see layers/
POOLINGS    ``cls(config, in_dim)``; ``out_dim``; ``forward(x_BTC, mask_BT) -> (B, out_dim)``
LOSSES      ``cls(config, in_dim, num_speakers)``, a Loss or MetricLoss of loss.py;
            ``set_epoch(epoch)``, for margins that grow; ``utts_per_speaker_needed`` in a batch;
            ``forward(embedding_BE, spk_id_B) -> (loss, logits_BS)``, the logits without margin,
            or None from a loss that compares embeddings and does not classify
OPTIMIZERS  ``cls(config, parameters)``, a torch optimiser; ``config.lr``
SCHEDULES   ``cls(config, num_steps, steps_per_epoch)``; ``factor(step)``, by which lr is multiplied

A mask is true where a frame is real; None means that all are.  Keys of a Config that are widths
end in ``dim``: the tests of the registry make them small.  Adding a class is one new
file in encoders/, poolings/ or losses/: the folder imports its files by itself.
"""

from steps_py.registry import Registry

ENCODERS = Registry("encoder", home="steps_py.model.encoders")
POOLINGS = Registry("pooling", home="steps_py.model.poolings")
LOSSES = Registry("loss", home="steps_py.model.losses", facts=("compares",))
OPTIMIZERS = Registry("optimizer", home="steps_py.training.optimizers")
SCHEDULES = Registry("schedule", home="steps_py.training.schedules")
