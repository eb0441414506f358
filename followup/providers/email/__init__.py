"""E-mail over SMTP: channel, composed message, reply codes and bounces."""
