"""HTTP to providers: pooled connections with a total deadline."""
