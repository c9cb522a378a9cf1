"""Models and tokenizers: intake, rendering, labels, generation, scores. Only functions import torch."""
