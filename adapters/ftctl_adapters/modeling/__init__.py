"""Models and tokenizers: brought in safely, rendered, asked. Only functions import torch, never the package."""
