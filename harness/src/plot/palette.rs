//! One colour per label, told apart by colour-blind readers too.

/// Red, green, blue.
pub type Colour = (u8, u8, u8);

/// Okabe and Ito, "Color Universal Design" (2008), darker ones first. Black is left to published
/// figures; yellow is too pale on white.
const OKABE_ITO: [Colour; 6] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233)];

/// Published and logged figures, whatever they are of.
pub(super) const PUBLISHED: Colour = (0, 0, 0);
/// Text and axes.
pub(super) const INK: Colour = (51, 51, 51);
/// Lines behind the figures.
pub(super) const GRID: Colour = (225, 225, 225);

/// The colours of a set of labels. All figures of a report take them from one palette, so that a
/// label has one colour everywhere.
pub struct Palette(Vec<String>);

impl Palette {
    /// Labels in the order of the spec.
    pub fn new(labels: impl IntoIterator<Item = String>) -> Self {
        Self(labels.into_iter().collect())
    }

    /// The label's colour; after six labels they begin again.
    pub(super) fn colour(&self, label: &str) -> Colour {
        self.0.iter().position(|known| known == label).map_or(INK, |index| OKABE_ITO[index % OKABE_ITO.len()])
    }
}
