"""Write the discriminative PLDA that a network was trained with, for scoring.

python -m steps_py.stages.export_dplda --head exp/model/head.pt --out dplda.npz
"""

import argparse

from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head", required=True, help="weights of the loss, beside final.pt")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    # start-up time
    from steps_py.backend.projected_scorer import write_projected
    from steps_py.model.trained_dplda import read_trained_dplda

    write_projected(args.out, *read_trained_dplda(args.head))


if __name__ == "__main__":
    run(main)
