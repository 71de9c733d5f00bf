"""What Onramp's speed is, measured against what people use otherwise."""
