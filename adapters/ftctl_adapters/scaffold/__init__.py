"""Create plugin projects from templates."""
