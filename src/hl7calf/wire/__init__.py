"""HL7 v2 as bytes: pure, knows no ultrasound and no socket."""
