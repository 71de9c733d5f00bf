"""What a user opens: tutorial notebooks, and the small views inside them."""
