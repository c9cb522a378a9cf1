"""Private environments: backends that cannot live beside each other get interpreters of their own."""
