"""Smart cards through PC/SC: the driver, the virtual card and the card agent."""
