"""How good a forecast is, by lead time and against the trivial ones."""
