"""The use cases, one a file. They speak to the outside through ports alone."""
