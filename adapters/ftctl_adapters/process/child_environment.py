"""Build the environment of a child process: known variables only."""

import os
from collections.abc import Mapping

PASSED = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    *("HF_HOME", "HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_CACHE"),
    *("SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY"),
    *("CUDA_VISIBLE_DEVICES", "NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"),
    *("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS"),
    *("OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),
    *("PYTHONPATH", "PYTHONWARNINGS", "COVERAGE_PROCESS_START"),
    *("FTCTL_ALLOWED_HOSTS", "FTCTL_UMASK", "WANDB_API_KEY", "MLFLOW_TRACKING_URI", "FTCTL_FAULT", "FTCTL_TEST_BUILD"),
)
"""Variables that children may see; everything else stays here."""
FAMILIES = ("NCCL_", "GLOO_", "TORCH_", "RAY_", "DS_")
"""Beginnings of further ones: how processes of a training run find and talk to each other."""
QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that a child gets; ``extra`` ones are added and win."""
    passed = {n: value for n, value in os.environ.items() if n in PASSED or n.startswith(FAMILIES)}
    return passed | QUIET | dict(extra or {})
