"""What the console's pages share: routing, layout, forms and static files."""
