"""All SQL, written once for every engine, as functions over one connection in a transaction."""
