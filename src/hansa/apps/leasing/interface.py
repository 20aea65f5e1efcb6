"""What other rooms may ask of this one, and what it tells them."""
