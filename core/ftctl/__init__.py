"""The core of ftctl: domain, ports and use cases, without any technology."""

__version__ = "0.1.0"
