"""What people do to the service."""
