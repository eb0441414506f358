"""The balance: days that are over for long are summed once, and stay right."""
