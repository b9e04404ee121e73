"""One thin command per step: parse, validate, call a role."""
