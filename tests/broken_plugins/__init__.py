"""Plugins broken in one way each, by port: what the application makes of them, and which test of a contract fails."""
