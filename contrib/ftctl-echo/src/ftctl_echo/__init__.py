"""An evaluator for ftctl."""
