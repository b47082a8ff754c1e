"""Read-only results over programs that several passes share."""
