"""Programs that launchers run: start the processes of one job, wait for them, report the first failure."""
