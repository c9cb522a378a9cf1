"""ftctl carries one model through its lifecycle; this package is the domain core, and it imports no technology."""

__version__ = "0.1.0"
