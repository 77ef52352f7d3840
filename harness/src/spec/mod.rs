//! Specs: strict wire types, then checked types.
