"""The notebook's widgets."""
