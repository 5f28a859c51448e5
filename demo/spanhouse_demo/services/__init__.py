"""The services of the shop, one module each, none of which knows that it is traced."""
