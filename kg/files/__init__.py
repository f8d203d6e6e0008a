"""A shop's files, whatever their format: described by shop.toml, read, checked, staged."""
