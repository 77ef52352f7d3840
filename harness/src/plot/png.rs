//! Figures as PNG, for slides and pages that cannot show SVG.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::error::{Error, Kind, Result};

/// Pixels of the PNG for each pixel of the figure: sharp on dense screens and in print.
const SCALE: f32 = 2.0;

/// Renders figures as PNG with the fonts of the system, which are searched once.
pub struct Pixels(Options<'static>);

impl Pixels {
    /// Finds the fonts of the system.
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing) if the system has no font: the text of a figure would be lost.
    pub fn new() -> Result<Self> {
        let mut fonts = fontdb::Database::new();
        fonts.load_system_fonts();
        let sans = fontdb::Query { families: &[fontdb::Family::SansSerif], ..fontdb::Query::default() };
        if fonts.query(&sans).is_none() {
            let any = fonts.faces().find_map(|face| face.families.first().map(|(name, _)| name.clone()));
            let any = any.ok_or_else(|| {
                Error::new(Kind::Missing, "this system has no font to draw the text of figures with")
                    .hint("install one, such as DejaVu Sans, or use the SVG figures: they need none")
            })?;
            fonts.set_sans_serif_family(any);
        }
        Ok(Self(Options { fontdb: Arc::new(fonts), ..Options::default() }))
    }

    /// Renders a figure, given as SVG text, at twice its size.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the text is not SVG.
    pub fn png(&self, svg: &str) -> Result<Vec<u8>> {
        let failed = |what: String| Error::new(Kind::Internal, "a figure could not be rendered as PNG").got(what);
        let tree = Tree::from_str(svg, &self.0).map_err(|error| failed(error.to_string()))?;
        let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| failed("no size".into()))?;
        let mut picture =
            Pixmap::new(size.width(), size.height()).ok_or_else(|| failed(format!("a size of {size:?}")))?;
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
        picture.encode_png().map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Palette, Point, Scatter};

    /// Where there are no fonts, there is an error that says so; where there are, text makes a picture another one.
    #[test]
    fn text_is_drawn_or_missed() {
        let figure = |label: &str| {
            let points = [("a", 1.0), ("b", 2.0)].map(|(_, x)| Point { label: label.into(), x, y: x, whiskers: None });
            let scatter = Scatter { title: "T".into(), x: "x".into(), y: "y".into(), points: points.into() };
            scatter.svg(&Palette::new([(label.to_string(), Some(0))])).unwrap()
        };
        match Pixels::new() {
            Err(error) => assert_eq!(error.kind(), Kind::Missing),
            Ok(pixels) => {
                let [one, two] = ["label", "another"].map(|label| pixels.png(&figure(label)).unwrap());
                assert!(one.starts_with(b"\x89PNG") && one != two);
                assert!(pixels.png("<svg").is_err());
            }
        }
    }
}
