"""Where parameters, gradients and moments of a training run lie: in one process, or spread over several."""
