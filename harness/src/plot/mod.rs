//! Figures as SVG. Text stays text, in the reader's own sans-serif font, on white so that it can be read on a dark page
//! too.
//!
//! Only `canvas.rs` uses plotters; axes and layout are computed here, because without a font library plotters guesses the
//! width of text at 0.7 em a byte, and labels would collide.

mod architectures;
mod axis;
mod canvas;
mod cell_graph;
mod curves;
mod dots;
mod frame;
mod legend;
mod palette;
mod periods;
mod png;
mod scatter;

pub use architectures::{Architectures, DrawnCell};
pub use cell_graph::CellGraph;
pub use curves::{Curves, Line, Panel};
pub use dots::{DotMark, DotPanel, DotPlot, PUBLISHED_MARKS};
pub use palette::Palette;
pub use periods::{PeriodLine, PeriodPanel, PeriodPlot};
pub use png::Pixels;
pub use scatter::{Point, Scatter};

/// Whether a file is a figure that this program drew, by its first bytes.
pub fn is_drawing(svg: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&svg[..svg.len().min(120)]);
    head.starts_with("<svg width=\"") && head.contains(" role=\"img\" aria-label=\"")
}
