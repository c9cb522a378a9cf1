"""Steps between a data source and a data set."""
