"""Launchers: how the processes of a training job start."""
