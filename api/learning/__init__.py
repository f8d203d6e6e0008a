"""Fits the weights of ranking to what shoppers went on to choose: `shopgraph api learn`. No torch."""
