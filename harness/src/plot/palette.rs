//! One colour per label, told apart by colour-blind readers too.

/// Red, green, blue.
pub type Colour = (u8, u8, u8);

/// Paul Tol, "Colour Schemes" (2021), muted: nine that colour-blind readers tell apart, without its
/// pale grey.
const MUTED: [Colour; 9] = [
    (51, 34, 136),
    (204, 102, 119),
    (221, 204, 119),
    (68, 170, 153),
    (17, 119, 51),
    (136, 34, 85),
    (170, 68, 153),
    (136, 204, 238),
    (153, 153, 51),
];
/// Whoever teaches others, whatever the method.
const TEACHER: Colour = (102, 102, 102);

/// Published and logged figures, whatever they are of.
pub(super) const PUBLISHED: Colour = (0, 0, 0);
/// Text and axes.
pub(super) const INK: Colour = (51, 51, 51);
/// From a mark to its label.
pub(super) const LEADER: Colour = (170, 170, 170);
/// Lines behind the figures.
pub(super) const GRID: Colour = (225, 225, 225);

/// A colour for each label: that of its method, so that a method has one colour in all figures of all
/// reports.
pub struct Palette(Vec<(String, Colour)>);

impl Palette {
    /// `trials`: label, and place of the method among all methods; none for a teacher.
    pub fn new(trials: impl IntoIterator<Item = (String, Option<usize>)>) -> Self {
        let colour = |method: Option<usize>| method.map_or(TEACHER, |index| MUTED[index % MUTED.len()]);
        Self(trials.into_iter().map(|(label, method)| (label, colour(method))).collect())
    }

    pub(super) fn colour(&self, label: &str) -> Colour {
        self.0.iter().find(|(known, _)| known == label).map_or(INK, |(_, colour)| *colour)
    }
}
