"""A Ray cluster of two machines of one core each, on the loopback."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import minimal_environment

CODE = (
    "from ray.cluster_utils import Cluster; import sys\n"
    "node = {'num_cpus': 1, 'include_dashboard': False, 'node_ip_address': '127.0.0.2'}\n"
    "cluster = Cluster(initialize_head=True, head_node_args=node)\n"
    "cluster.add_node(num_cpus=1, node_ip_address='127.0.0.3'); cluster.wait_for_nodes()\n"
    "print(cluster.address, flush=True); sys.stdin.read(); cluster.shutdown()\n"
)


@contextmanager
def ray_cluster() -> Iterator[str]:
    """Its address."""
    cluster = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CODE],
        env={**minimal_environment(), "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert cluster.stdout is not None
    try:
        yield next(line.strip() for line in cluster.stdout if line.startswith("127.0.0.2:"))
    finally:
        cluster.communicate(timeout=60)
