"""Outside programs: find them, ask what they can do, start, limit, watch and kill them."""
