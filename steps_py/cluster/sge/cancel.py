"""sge-cancel <id> ...: delete these jobs in one call. Without ids: all that the run still has.

With --wait, until SGE has let them go, so that nothing writes their files any more.
"""

import time

from steps_py.cluster.sge import jobs


def main(words):
    ids = [word for word in words if word != "--wait"]
    ids = ids or [path.stem for path in (jobs.STATE / "active").glob("*.json")]
    ids = [job for job in ids if not jobs.last_act(job)]
    if not ids:
        return
    jobs.say(f"deleting {len(ids)} jobs")
    while jobs.ask("qdel", *ids) is None:
        jobs.say(f"SGE does not answer; when it does: qdel {' '.join(ids)}")
        if "--wait" not in words:
            return
        time.sleep(jobs.RETRY_S)
    while "--wait" in words and any(jobs.is_known(job) is not False for job in ids):
        time.sleep(1)
