"""Train for a few steps at rising learning rates and suggest one; only the table of losses stays.

python -m steps_py.stages.find_lr --config JSON --model JSON --cmvn JSON --chunks-config JSON \\
    --chunks exp/chunks --out exp/find_lr/curve.tsv

It is one process with the whole batch, whatever the number of GPUs.
"""

import argparse
import os

from steps_py.errors import StepsError
from steps_py.program import run
from steps_py.stages.train_model import add_inputs, load_sections, read_chunks


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_inputs(parser)
    parser.add_argument("--out", required=True, help="table of lr, loss and smoothed loss")
    parser.add_argument("--min-lr", type=float, default=1e-5)
    parser.add_argument("--max-lr", type=float, default=10.0)
    parser.add_argument("--num-steps", type=int, default=200)
    args = parser.parse_args(argv)
    if not 0 < args.min_lr < args.max_lr or args.num_steps < 2:
        raise StepsError(
            f"--min-lr {args.min_lr:g}, --max-lr {args.max_lr:g}, --num-steps"
            f" {args.num_steps}: the rate must rise from above 0, in two steps or more."
        )
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in train_model
    import torch  # start-up time

    from steps_py.model.device import keep_freed_memory
    from steps_py.training.lr_search import find_lr, search_sections
    from steps_py.training.processes import ProcessGroup
    from steps_py.training.trainer import Trainer

    sections = search_sections(load_sections(args), args.num_steps)
    torch.set_num_threads(sections["train"].num_threads)
    keep_freed_memory()
    chunks, speakers = read_chunks(args.chunks)
    group = ProcessGroup(job_threads=args.threads)
    trainer = Trainer(sections, *chunks, group=group, speakers=speakers)
    curve = find_lr(trainer, args.min_lr, args.max_lr)
    curve.write(args.out)
    print(f"find_lr: {curve.describe()}; train.optimizer.lr is {trainer.updates.base_lr:g}")


if __name__ == "__main__":
    run(main)
