"""Documents that others publish, fetched within bounds."""
