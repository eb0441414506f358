"""Commands about the words that patients get, and about who signed them."""
