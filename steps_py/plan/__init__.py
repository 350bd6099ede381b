"""What a recipe would take: jobs, time and disk, from its config and before it runs.

The jobs are those of Snakemake's own dry run (`jobs`), how much each has to do follows
from the config, the published sizes of the corpora or the tables that are there already
(`sizes`), what a unit of work costs is data (`costs`, costs.yaml), and `schedule` runs
the jobs on so many slots on paper.
"""
