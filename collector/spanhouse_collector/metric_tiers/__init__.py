"""Points of gauges and sums by five minutes, hour and day."""
