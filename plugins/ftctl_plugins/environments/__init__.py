"""Recipes of the private environments that backends of this package live in."""
