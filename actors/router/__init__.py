"""The router chooses a candidate for each instruction and forwards it."""
