"""What launchers run: starts the processes of one job, waits for them, and says which one failed first."""
