"""Everything that touches a technology and is not chosen by name."""
