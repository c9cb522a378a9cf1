"""Runs one job in whatever interpreter its backend lives in: ``python -m ftctl.worker JOB_DIR``."""
