"""Everything that is checked by running it: units that mirror the tree, laws, flows, attacks, and the tree's own architecture."""
