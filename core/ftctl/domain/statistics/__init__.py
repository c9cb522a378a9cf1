"""Statistics: intervals, hypothesis tests, power, and bounds of selected extremes."""
