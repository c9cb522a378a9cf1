"""Processes: workers, servers, the fork server, the sandbox; each ends with everything it started."""
