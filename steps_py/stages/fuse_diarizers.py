"""Join the turns of several systems by the vote of DOVER-Lap.

python -m steps_py.stages.fuse_diarizers --out fused.rttm ahc.rttm spectral.rttm vbx.rttm
"""

import argparse

from steps_py.diarization.dover_lap import dover_lap
from steps_py.diarization.rttm import read_rttm, write_rttm
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("systems", nargs="+", help="RTTM file of each system")
    parser.add_argument("--out", required=True, help="RTTM file")
    args = parser.parse_args(argv)
    write_rttm(args.out, dover_lap([read_rttm(path) for path in args.systems]))


if __name__ == "__main__":
    run(main)
