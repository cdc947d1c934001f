"""What assets and sensors reach the outside with: each resource opens one plain object from the settings."""
