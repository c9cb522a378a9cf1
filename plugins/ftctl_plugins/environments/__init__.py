"""Recipes of private environments."""
