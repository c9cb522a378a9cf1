"""An OpenAI-compatible server over onnxruntime-genai: ``python -m ftctl_adapters.serving.onnx``."""
