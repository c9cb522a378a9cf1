"""Private environments of backends: recipes, builds, records."""
