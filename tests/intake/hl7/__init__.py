"""HL7 v2: framing, header, fields, acknowledgements, and the listener."""
