"""Candidates answer instructions: engines for batches and online."""
