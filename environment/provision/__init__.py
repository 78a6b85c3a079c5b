"""Makes the machine ready: engine, programs, base image, wheels, images; sums results up."""
