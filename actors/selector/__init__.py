"""The selector predicts which candidate can answer an instruction."""
