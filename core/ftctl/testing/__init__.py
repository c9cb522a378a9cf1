"""For tests of ftctl and of plugins: in-memory fakes, one a port, under the port's own file name."""
