"""Processes: workers and servers, each ended with everything it started."""
