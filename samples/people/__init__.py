"""Who lives in the sample company's world, and what each of its systems happens to know about them."""
