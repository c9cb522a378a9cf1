"""What makes an artifact answer in a process."""
