"""hl7calf: raises limited venous ultrasound orders for calf calcification to the complete study."""

__version__ = "0.1.0"
