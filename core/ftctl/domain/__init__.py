"""What ftctl speaks of: frozen values that say nothing about any technology."""
