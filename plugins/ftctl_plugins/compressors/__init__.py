"""How it becomes smaller, or takes another form."""
