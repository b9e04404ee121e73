"""The examiner sets, gives and marks the aptitude test; the result is a capability card."""
