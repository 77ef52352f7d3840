//! What a run measured.
