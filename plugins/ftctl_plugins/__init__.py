"""What a user can name: one module a backend, grouped by port, each folder with its light manifest."""
