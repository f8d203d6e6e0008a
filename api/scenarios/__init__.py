"""Placements: their configuration, and rules that hide, pin, boost or bury."""
