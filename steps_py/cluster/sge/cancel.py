"""sge-cancel <id> ...: delete these jobs in one call. Without ids: all that the run still has.

With --wait, return only when SGE has no such job left and nothing writes their files any more.
"""

import sys
import time

from steps_py.cluster.sge import jobs

PATIENCE_S = 600


def main(words: list[str]) -> None:
    ids = [word for word in words if word != "--wait"]
    if not ids:
        for path in (jobs.STATE / "pending").glob("*.json"):
            path.unlink(missing_ok=True)  # a qsub that is running now deletes its own job
        ids = [path.stem for path in (jobs.STATE / "active").glob("*.json")]
    ids = [job for job in ids if not jobs.last_act(job)]
    if not ids:
        return
    jobs.say(f"deleting {len(ids)} jobs")
    while jobs.ask("qdel", *ids) is None:
        jobs.say(f"SGE does not answer; when it does, run: qdel {' '.join(ids)}")
        if "--wait" not in words:
            return
        time.sleep(jobs.RETRY_S)
    if "--wait" in words:
        wait_for_end(ids)


def wait_for_end(ids) -> None:
    """Wait until SGE has none of the jobs; exit with an error after ten minutes."""
    deadline = time.time() + PATIENCE_S
    while left := [job for job in ids if jobs.is_known(job) is not False]:
        if time.time() > deadline:
            sys.exit(
                f"sge: {len(left)} jobs of an earlier run may still write files of this one. Delete"
                f" them (qdel {' '.join(left)}), then start the run again."
            )
        time.sleep(1)
