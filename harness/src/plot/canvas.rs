//! Drawing in pixels; the only file that uses plotters.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{Colour, INK};
use crate::error::{Error, Kind, Result};

/// plotters draws at whole coordinates: the picture is drawn this much larger and shown smaller, so
/// that curves are smooth.
const FINER: f64 = 8.0;

/// plotters writes a font size of its own size / 1.24.
const FONT_SIZE: f64 = 1.24;

/// Size of text in pixels: labels and ticks.
pub(super) const TEXT: f64 = 12.0;
/// Size of text in pixels: titles.
pub(super) const TITLE: f64 = 14.0;

/// Mean width of a character in units of the text's size, on the safe side for common sans-serif
/// fonts.
const CHARACTER: f64 = 0.56;

/// Width that a text may need, in pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * CHARACTER * size
}

/// Horizontal anchor of a text; vertically its middle stands at the position.
#[derive(Clone, Copy)]
pub(super) enum TextAnchor {
    Left,
    Middle,
    Right,
}

/// The mark of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    Disc,
    Diamond,
    Triangle,
    Square,
}

/// A picture that is being drawn; its unit is the pixel.
pub(super) struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

/// Draws a picture of `width` × `height` pixels and returns it as SVG text. `about` is its name for screen readers.
///
/// # Errors
/// [`Internal`](Kind::Internal) if plotters fails.
pub(super) fn picture(
    about: &str,
    width: f64,
    height: f64,
    draw: impl FnOnce(&Canvas) -> Result<()>,
) -> Result<String> {
    let (fine_width, fine_height) = (fine(width), fine(height));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (fine_width.unsigned_abs(), fine_height.unsigned_abs()))
            .into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let canvas = Canvas(area);
        draw(&canvas)?;
        canvas.0.present().map_err(failed)?;
    }
    let (drawn, shown) = (
        format!("<svg width=\"{fine_width}\" height=\"{fine_height}\""),
        format!("<svg width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{}\"", escaped(about)),
    );
    assert!(svg.starts_with(&drawn), "plotters begins a picture with its size");
    Ok(svg.replacen(&drawn, &shown, 1))
}

impl Canvas<'_> {
    /// Draws a line through points, `width` pixels wide.
    pub(super) fn line(&self, points: &[(f64, f64)], colour: Colour, opacity: f64, width: f64) -> Result<()> {
        let points: Vec<_> = points.iter().map(|(x, y)| (fine(*x), fine(*y))).collect();
        let style = rgb(colour).mix(opacity).stroke_width(fine(width).unsigned_abs());
        self.0.draw(&PathElement::new(points, style)).map_err(failed)
    }

    /// Draws a line of dashes, each followed by a gap, of these lengths in pixels.
    pub(super) fn dashes(
        &self,
        points: &[(f64, f64)],
        (dash, gap): (f64, f64),
        colour: Colour,
        width: f64,
    ) -> Result<()> {
        let points: Vec<_> = points.iter().map(|(x, y)| (fine(*x), fine(*y))).collect();
        let style = rgb(colour).stroke_width(fine(width).unsigned_abs());
        let dashes = DashedPathElement::new(points, fine(dash), fine(gap), style);
        self.0.draw(&dashes).map_err(failed)
    }

    /// Draws a curve of many points in dashes, each followed by a gap, of these lengths in pixels; unbroken without them.
    /// Unlike [`dashes`](Self::dashes), whose lengths plotters finds by the platform's `hypot`, it has the same bits
    /// everywhere on curves, too.
    pub(super) fn pattern(
        &self,
        points: &[(f64, f64)],
        dash_gap: Option<(f64, f64)>,
        colour: Colour,
        width: f64,
    ) -> Result<()> {
        match dash_gap {
            None => self.line(points, colour, 1.0, width),
            Some(lengths) => pieces(points, lengths).iter().try_for_each(|dash| self.line(dash, colour, 1.0, width)),
        }
    }

    /// Draws a ring with a white middle.
    pub(super) fn ring(&self, place: (f64, f64), radius: f64, colour: Colour) -> Result<()> {
        self.shape(Mark::Disc, place, radius, colour)?;
        self.shape(Mark::Disc, place, radius - 1.3, (255, 255, 255))
    }

    /// Draws a filled mark with a white edge, so that marks on top of each other can be told apart.
    pub(super) fn mark(&self, mark: Mark, (x, y): (f64, f64), radius: f64, colour: Colour) -> Result<()> {
        self.shape(mark, (x, y), radius + 1.0, (255, 255, 255))?;
        self.shape(mark, (x, y), radius, colour)
    }

    fn shape(&self, mark: Mark, (x, y): (f64, f64), r: f64, colour: Colour) -> Result<()> {
        let style = rgb(colour).filled();
        let corners: &[(f64, f64)] = match mark {
            Mark::Disc => {
                return self.0.draw(&Circle::new((fine(x), fine(y)), fine(r), style)).map_err(failed);
            }
            // Sized to look as large as the disc.
            Mark::Diamond => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            Mark::Triangle => &[(0.0, -1.25), (1.2, 0.85), (-1.2, 0.85)],
            Mark::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        };
        let points: Vec<_> = corners.iter().map(|(dx, dy)| (fine(x + dx * r), fine(y + dy * r))).collect();
        self.0.draw(&Polygon::new(points, style)).map_err(failed)
    }

    /// Draws text of a size in pixels.
    pub(super) fn text(&self, text: &str, (x, y): (f64, f64), anchor: TextAnchor, size: f64) -> Result<()> {
        self.text_of(text, (x, y), anchor, size, FontStyle::Normal, FontTransform::None)
    }

    /// Draws bold text of a size in pixels.
    pub(super) fn title(&self, text: &str, (x, y): (f64, f64), anchor: TextAnchor, size: f64) -> Result<()> {
        self.text_of(text, (x, y), anchor, size, FontStyle::Bold, FontTransform::None)
    }

    /// Draws text that runs upwards, its middle at the position.
    pub(super) fn upright(&self, text: &str, (x, y): (f64, f64), size: f64) -> Result<()> {
        self.text_of(text, (x, y), TextAnchor::Middle, size, FontStyle::Normal, FontTransform::Rotate270)
    }

    fn text_of(
        &self,
        text: &str,
        (x, y): (f64, f64),
        anchor: TextAnchor,
        size: f64,
        style: FontStyle,
        transform: FontTransform,
    ) -> Result<()> {
        let horizontal = match anchor {
            TextAnchor::Left => HPos::Left,
            TextAnchor::Middle => HPos::Center,
            TextAnchor::Right => HPos::Right,
        };
        let ink = rgb(INK);
        let style = TextStyle::from(("sans-serif", size * FONT_SIZE * FINER).into_font().style(style))
            .transform(transform)
            .color(&ink)
            .pos(Pos::new(horizontal, VPos::Center));
        self.0.draw(&Text::new(text.to_string(), (fine(x), fine(y)), style)).map_err(failed)
    }
}

/// The dashes of a line through points: the parts of these lengths that lie between gaps.
fn pieces(points: &[(f64, f64)], (dash, gap): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let (mut pieces, mut piece) = (Vec::new(), points[..1].to_vec());
    let (mut drawn, mut left) = (true, dash);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let (x, y) = (to.0 - from.0, to.1 - from.1);
            let length = (x * x + y * y).sqrt();
            if length <= left {
                left -= length;
                if drawn {
                    piece.push(to);
                }
                break;
            }
            from = (from.0 + x * left / length, from.1 + y * left / length);
            piece.push(from);
            if drawn {
                pieces.push(std::mem::take(&mut piece));
            }
            (drawn, left) = (!drawn, if drawn { gap } else { dash });
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

fn fine(pixels: f64) -> i32 {
    (pixels * FINER).round() as i32
}

fn rgb((r, g, b): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Kind::Internal, "a figure could not be drawn").got(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_around_corners() {
        let dashes = pieces(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)], (3.0, 2.0));
        let expected = [vec![(0.0, 0.0), (3.0, 0.0)], vec![(4.0, 1.0), (4.0, 4.0)]];
        assert_eq!(dashes, expected);
        let dashes = pieces(&[(0.0, 0.0), (2.0, 0.0), (2.0, 6.0)], (3.0, 1.0));
        let expected = [vec![(0.0, 0.0), (2.0, 0.0), (2.0, 1.0)], vec![(2.0, 2.0), (2.0, 5.0)]];
        assert_eq!(dashes, expected);
    }
}
