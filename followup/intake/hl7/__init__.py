"""HL7 v2 over MLLP: framing, decoding, acknowledging, reading into events of a feed."""
