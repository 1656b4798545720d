"""How clients prove themselves with something else than a secret, one file a method."""
