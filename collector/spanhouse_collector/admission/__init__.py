"""What is let in: whose it is, how much and how fast, whether it is OTLP, and whether it came before."""
