"""The tuner teaches a selector from outcomes."""
