"""The roles of the system, one folder each."""
