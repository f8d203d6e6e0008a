"""How good the answers are, measured through the serving path itself: `shopgraph api evaluate`."""
