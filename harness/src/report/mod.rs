//! What people read: the results of a spec, published figures beside ours, how it all was measured.
//!
//! Texts are made from a [`Basis`] and checked records alone, so that the same records give the same bytes, whenever and
//! wherever the report is made.

mod architectures;
mod basis;
mod beside;
mod block;
mod claims;
mod columns;
mod contents;
mod csv_files;
mod curves;
mod facts;
mod figure;
mod figures;
mod files;
mod how_measured;
mod html;
mod latency;
mod loss_parts;
mod marks;
mod overview;
mod page;
mod period_figures;
mod periods;
mod summary;
#[cfg(test)]
mod tests;
mod text;

pub use basis::Basis;
pub use contents::Report;
pub use files::write;
pub use html::{Paper, html};
pub use latency::{ServedModel, Speed, latency_tables, passes_table, served_table};
pub use marks::mark_external;
pub use overview::{overview, splice};
pub use page::report_command;
