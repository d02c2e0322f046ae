"""The assembly: the command tongxing, the supervisor and the demo town."""
