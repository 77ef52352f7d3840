//! Figures as SVG: text stays text, in the reader's own sans-serif font, on a white ground so that
//! they read on a dark page too.
//!
//! Only `canvas.rs` knows plotters; axes and layout are ours, because without a font library plotters
//! guesses widths of text at 0.7 em a byte and would leave labels to collide.

mod axis;
mod canvas;
mod curves;
mod dots;
mod frame;
mod legend;
mod palette;
mod periods;
mod png;
mod scatter;

pub use curves::{Curves, Line, Panel};
pub use dots::{Dot, DotPanel, Dots, PUBLISHED_MARKS};
pub use palette::Palette;
pub use periods::{Course, Periods, PeriodsPanel};
pub use png::Pixels;
pub use scatter::{Point, Scatter};

/// Whether a file is a figure that this program drew: by how it begins.
pub fn is_drawing(svg: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&svg[..svg.len().min(120)]);
    head.starts_with("<svg width=\"") && head.contains(" role=\"img\" aria-label=\"")
}
