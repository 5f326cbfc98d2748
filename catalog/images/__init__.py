"""The images of products: read and checked, made into an image and a thumbnail, and stored."""
