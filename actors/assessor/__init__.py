"""The assessor: measures how well selectors choose, on outcomes that are known already."""
