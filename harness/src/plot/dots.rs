//! Our values with whiskers, and published values below: one panel for each metric.

use super::Palette;
use super::axis::Axis;
use super::canvas::{Canvas, Mark, TEXT, TITLE, TextAnchor, picture, width};
use super::legend::{self, LegendEntry, LegendKey};
use super::palette::{GRID, INK, PUBLISHED};
use crate::error::Result;

/// A dot plot: a row for each trial, a panel for each metric.
pub struct DotPlot {
    pub title: String,
    /// Labels of the rows, from top to bottom.
    pub rows: Vec<String>,
    /// Legend of the discs and whiskers.
    pub ours: String,
    /// Legend of each other kind of mark; at most [`PUBLISHED_MARKS`] kinds.
    pub published: Vec<String>,
    pub panels: Vec<DotPanel>,
}

/// A panel of a dot plot, for one metric.
pub struct DotPanel {
    pub title: String,
    pub dots: Vec<DotMark>,
}

/// One value in a dot plot.
pub struct DotMark {
    /// Index of its row.
    pub row: usize,
    /// Index of its kind among the published marks; `None` for a value of ours.
    pub published: Option<usize>,
    /// Position along the axis.
    pub value: f64,
    /// Ends of its whiskers.
    pub whiskers: Option<(f64, f64)>,
}

/// Largest number of panels side by side.
const ACROSS: usize = 3;
/// Width of a panel, in pixels.
const PANEL: f64 = 210.0;
/// Between panels, in pixels.
const GAP: f64 = 34.0;
/// Height of a row without published marks, in pixels.
const ROW: f64 = 26.0;
/// Distance from a row's disc to its first published mark, and from one to the next, in pixels: no mark hides another.
const BELOW: f64 = 9.0;
/// Room above the rows of a panel for its title, and below them for its ticks, in pixels.
const HEAD: f64 = 26.0;
const FOOT: f64 = 40.0;
/// Around the figure, in pixels.
const EDGE: f64 = 14.0;

/// Number of published tables that one dot plot can tell apart.
pub const PUBLISHED_MARKS: usize = MARKS.len();
/// The marks of published tables, in order.
const MARKS: [Mark; 3] = [Mark::Diamond, Mark::Triangle, Mark::Square];

impl DotPlot {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if plotters fails.
    pub fn svg(&self, palette: &Palette) -> Result<String> {
        let labels = self.rows.iter().map(|row| width(row, TEXT)).fold(0.0, f64::max) + 10.0;
        let across = self.panels.len().clamp(1, ACROSS);
        let down = self.panels.len().div_ceil(across);
        let room = labels + across as f64 * PANEL + (across - 1) as f64 * GAP;
        let wide = (room + 2.0 * EDGE).max(width(&self.title, TITLE) + 2.0 * EDGE);
        let legend = self.legend();
        let top = EDGE + 24.0 + legend::lines(&legend, room) as f64 * legend::LINE + 6.0;
        let panel_height = HEAD + self.row() * self.rows.len() as f64 + FOOT;
        picture(&self.title, wide, top + panel_height * down as f64, |canvas| {
            canvas.title(&self.title, (EDGE, EDGE + 8.0), TextAnchor::Left, TITLE)?;
            legend::draw(canvas, &legend, (EDGE, EDGE + 24.0), room)?;
            for (index, panel) in self.panels.iter().enumerate() {
                let (column, line) = (index % across, index / across);
                let left = EDGE + labels + column as f64 * (PANEL + GAP);
                let upper = top + line as f64 * panel_height;
                self.draw_panel(canvas, panel, palette, (left, upper))?;
                if column == 0 {
                    for (row, label) in self.rows.iter().enumerate() {
                        canvas.text(label, (left - 10.0, self.disc(upper, row)), TextAnchor::Right, TEXT)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Height of a row, in pixels.
    fn row(&self) -> f64 {
        ROW + BELOW * self.published.len() as f64
    }

    /// Vertical position of a row's disc in a panel whose upper edge is `top`. The marks stand below it.
    fn disc(&self, top: f64, row: usize) -> f64 {
        top + HEAD + row as f64 * self.row() + ROW / 2.0
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let ours = LegendEntry { key: LegendKey::Mark(Mark::Disc, INK), text: self.ours.clone() };
        let published = MARKS.iter().zip(&self.published);
        let published =
            published.map(|(mark, text)| LegendEntry { key: LegendKey::Mark(*mark, PUBLISHED), text: text.clone() });
        std::iter::once(ours).chain(published).collect()
    }

    fn draw_panel(&self, canvas: &Canvas, panel: &DotPanel, palette: &Palette, (left, top): (f64, f64)) -> Result<()> {
        let ends = |dot: &DotMark| {
            let (low, high) = dot.whiskers.unwrap_or((dot.value, dot.value));
            [dot.value, low, high]
        };
        let axis = Axis::linear(panel.dots.iter().flat_map(ends), (left, left + PANEL), 4);
        let (upper, lower) = (top + HEAD, top + HEAD + self.row() * self.rows.len() as f64);
        canvas.title(&panel.title, (left, top + HEAD / 2.0), TextAnchor::Left, TEXT)?;
        for tick in &axis.ticks {
            canvas.line(&[(tick.at, upper), (tick.at, lower)], GRID, 1.0, 1.0)?;
            canvas.text(&tick.label, (tick.at, lower + 13.0), TextAnchor::Middle, TEXT)?;
        }
        canvas.line(&[(left, lower), (left + PANEL, lower)], INK, 1.0, 1.0)?;
        for dot in &panel.dots {
            let (x, y) = (axis.at(dot.value), self.disc(top, dot.row));
            match dot.published {
                Some(index) => canvas.mark(MARKS[index], (x, y + BELOW * (index + 1) as f64), 3.5, PUBLISHED)?,
                None => {
                    let colour = palette.colour(&self.rows[dot.row]);
                    if let Some((low, high)) = dot.whiskers {
                        let (low, high) = (axis.at(low), axis.at(high));
                        canvas.line(&[(low, y), (high, y)], colour, 1.0, 1.5)?;
                        for end in [low, high] {
                            canvas.line(&[(end, y - 4.0), (end, y + 4.0)], colour, 1.0, 1.5)?;
                        }
                    }
                    canvas.mark(Mark::Disc, (x, y), 4.5, colour)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> DotPlot {
        let dot = |row, published, value, whiskers| DotMark { row, published, value, whiskers };
        DotPlot {
            title: "Ours & theirs".into(),
            rows: vec!["Teacher".into(), "Student <0.1>".into()],
            ours: "ours".into(),
            published: vec!["paper".into()],
            panels: vec![DotPanel {
                title: "H@5".into(),
                dots: vec![
                    dot(0, None, 0.51, Some((0.5, 0.52))),
                    dot(0, Some(0), 0.5135, None),
                    dot(1, None, 0.44, None),
                ],
            }],
        }
    }

    #[test]
    fn has_its_labels_as_text_and_is_the_same_each_time() {
        let palette = Palette::new([("Teacher".to_string(), None), ("Student <0.1>".to_string(), Some(0))]);
        let svg = figure().svg(&palette).unwrap();
        for text in ["Ours &amp; theirs", "Teacher", "Student &lt;0.1&gt;", "ours", "paper", "H@5", "0.46"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
        assert!(svg.contains("#332288") && svg.contains("#666666"), "{svg}");
        assert_eq!(svg, figure().svg(&palette).unwrap());
    }
}
