"""Clients of OpenAI-compatible servers, load tests, the loopback server."""
