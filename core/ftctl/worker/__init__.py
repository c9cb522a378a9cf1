"""Worker: runs one job in any interpreter, ``python -m ftctl.worker JOB_DIR``."""
