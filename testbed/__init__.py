"""A whole fluxkit on this machine, as separate processes: API server, controllers, Git server.

The demo, the benchmarks and the integration tests stand on it. Nothing here takes a shortcut: everything speaks HTTP,
and each part can be killed alone. State lies below one directory, so that what a crashed run left behind is found and
stopped by the next one.
"""

from testbed.cluster import Cluster
from testbed.controllers import Controllers
from testbed.git_server import GitServer
from testbed.process import BackgroundProcess, ProcessFailed
from testbed.repository import Repository
from testbed.rig import Rig, git_repository, kustomization
from testbed.upstream import UpstreamControllers, upstream_programs

__all__ = [
    "BackgroundProcess",
    "Cluster",
    "Controllers",
    "GitServer",
    "ProcessFailed",
    "Repository",
    "Rig",
    "UpstreamControllers",
    "git_repository",
    "kustomization",
    "upstream_programs",
]
