//! Learning curves: thin lines for every seed over a thick logged one; the panels share one axis of epochs.

use super::Palette;
use super::axis::Axis;
use super::frame::{self, Across, PanelFrame};
use super::legend::{LegendEntry, LegendKey};
use super::palette::{Colour, PUBLISHED};
use crate::error::Result;

/// A figure of curves over epochs.
pub struct Curves {
    pub title: String,
    /// Where the epochs are those of periods one after the other: name and number of epochs of each period. Empty for
    /// the epochs of one training.
    pub blocks: Vec<(String, f64)>,
    pub panels: Vec<Panel>,
}

/// A panel of curves of one quantity.
pub struct Panel {
    pub title: String,
    /// Whether the axis is logarithmic; then values that are not positive are left out.
    pub log: bool,
    pub lines: Vec<Line>,
}

/// The curve of one run, or one that others logged.
pub struct Line {
    pub label: String,
    /// Whether it was logged by others, such as the authors.
    pub logged: bool,
    /// (epoch, value), epochs ascending.
    pub points: Vec<(f64, f64)>,
}

/// Height of a panel, in pixels, and of one of many.
const HIGH: f64 = 200.0;
const LOW: f64 = 130.0;
/// Smallest number of panels that are many.
const MANY: usize = 5;

impl Line {
    /// Colour, opacity, width in pixels.
    fn stroke(&self, palette: &Palette) -> (Colour, f64, f64) {
        if self.logged { (PUBLISHED, 0.3, 4.0) } else { (palette.colour(&self.label), 0.85, 1.2) }
    }
}

impl Curves {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if plotters fails.
    pub fn svg(&self, palette: &Palette) -> Result<String> {
        let points = self.panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
        let last = points.map(|(epoch, _)| *epoch).fold(1.0, f64::max);
        let across = match &self.blocks[..] {
            [] => Across::linear((0.0, last), 8, "epoch"),
            blocks => Across::blocks(blocks, "epochs, period by period"),
        };
        let size = (self.panels.len(), if self.panels.len() < MANY { HIGH } else { LOW });
        frame::panels(&self.title, &self.legend(palette), &across, size, |index, place| {
            self.panels[index].draw(place, palette)
        })
    }

    /// An entry for each label: curves of several seeds share one.
    fn legend(&self, palette: &Palette) -> Vec<LegendEntry> {
        let mut entries = Vec::<LegendEntry>::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if entries.iter().all(|entry| entry.text != line.label) {
                let (colour, opacity, width) = line.stroke(palette);
                let key = LegendKey::Stroke(colour, opacity, width.max(2.0));
                entries.push(LegendEntry { key, text: line.label.clone() });
            }
        }
        entries
    }
}

impl Panel {
    fn draw(&self, place: &PanelFrame, palette: &Palette) -> Result<()> {
        let (upper, lower) = (place.upper, place.lower);
        let shown = |line: &Line| -> Vec<(f64, f64)> {
            line.points.iter().copied().filter(|(_, value)| !self.log || *value > 0.0).collect()
        };
        let values = self.lines.iter().flat_map(shown).map(|(_, value)| value);
        let axis = if self.log { Axis::log(values, (lower, upper)) } else { Axis::linear(values, (lower, upper), 5) };
        let scale = if self.log { " (log scale)" } else { "" };
        place.frame(&format!("{}{scale}", self.title), &axis)?;
        // Logged ones first: they lie under ours.
        for logged in [true, false] {
            for line in self.lines.iter().filter(|line| line.logged == logged) {
                let (colour, opacity, width) = line.stroke(palette);
                let points: Vec<_> = shown(line).iter().map(|(x, y)| (place.across.axis.at(*x), axis.at(*y))).collect();
                place.canvas.line(&points, colour, opacity, width)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_labels_as_text_and_logged_lines_below() {
        let line = |label: &str, logged| Line {
            label: label.into(),
            logged,
            points: (0..50).map(|e| (f64::from(e), 700.0 / f64::from(e + 1))).collect(),
        };
        let figure = Curves {
            title: "Student".into(),
            blocks: Vec::new(),
            panels: vec![Panel {
                title: "loss".into(),
                log: true,
                lines: vec![line("ours", false), line("ours", false), line("authors' log", true)],
            }],
        };
        let palette = Palette::new([("ours".to_string(), Some(0))]);
        let svg = figure.svg(&palette).unwrap();
        for text in ["Student", "loss (log scale)", "epoch", "authors&apos; log", "100", "40"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        assert_eq!(svg.matches("\nours\n").count(), 1, "{svg}");
        let thick = svg.rfind("stroke-width=\"32\"").unwrap();
        let thin = svg.rfind("stroke=\"#332288\"").unwrap();
        assert!(thick < thin);
        assert_eq!(svg, figure.svg(&palette).unwrap());
    }
}
