"""What can be wrong with how a service is set up, found before it hurts."""
