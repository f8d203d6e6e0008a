"""What words mean in this shop: needs that shoppers share, and classifiers of categories and brands."""
