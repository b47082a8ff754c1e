"""Passes: small rewrites between the phases of a management program, and the pipelines made of them."""
