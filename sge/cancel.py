"""sge-cancel <id> ...: delete these jobs in one call. Without ids: all that the run still has."""

import sys

import jobs


def main(ids):
    ids = ids or [path.stem for path in (jobs.STATE / "active").glob("*.json")]
    ids = [job for job in ids if not jobs.last_act(job)]
    if ids and jobs.ask("qdel", *ids) is None:
        jobs.say(f"SGE does not answer; when it does: qdel {' '.join(ids)}")


if __name__ == "__main__":
    main(sys.argv[1:])
