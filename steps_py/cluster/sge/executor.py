"""The executor of `--profile sge`: cluster-generic, safe for any path of the recipe."""

import os

import snakemake_executor_plugin_cluster_generic as plugin
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from steps_py.cluster.quoting import QuotedPython


def use_sge_executor() -> None:
    """Register the executor below as `cluster-generic`."""
    registered = ExecutorPluginRegistry().plugins.get("cluster-generic")
    if registered is not None:
        registered.executor = SgeExecutor


class SgeExecutor(QuotedPython, plugin.Executor):
    def get_jobscript(self, job):
        """A relative path: the plugin writes it between double quotes into a shell command."""
        return os.path.relpath(super().get_jobscript(job))
