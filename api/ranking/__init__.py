"""The score of every item, and its exact split into parts."""
