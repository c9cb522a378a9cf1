"""Models and data sets of the Hugging Face hub: listed, fetched as far as they are read, and refused with a reason."""
