"""What a shopper's words ask for."""
