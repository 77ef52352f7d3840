//! End to end, through the real binary: what a person types, sees, and finds on disk afterwards.

#![allow(clippy::disallowed_methods, reason = "tests hold our values against those of std")]

mod adarec;
mod asmg;
mod bad_input;
mod bundle;
mod check;
mod cli;
mod data;
mod distill;
mod drift;
mod embedded;
mod events;
mod export;
mod external;
mod fingerprints;
mod fixed;
mod home;
mod judge;
mod latency;
mod outside;
mod page;
mod periods;
mod pieces;
mod plan;
mod resume;
mod same_bits;
mod samples;
mod schema;
mod sequential;
