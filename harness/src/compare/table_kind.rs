//! Who measured the figures of a published table.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// Who measured the figures of a published table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// Printed in the paper.
    Paper,
    /// From the logs in the authors' repository.
    AuthorLog,
    /// On the authors' poster.
    AuthorPoster,
    /// On the authors' slides.
    AuthorSlides,
    /// Read off a figure of the authors; the table says how exactly.
    FigureDigitized,
    /// A later paper's own run, under that paper's protocol.
    FollowUp,
    /// A run of the authors' method by people who are neither they nor us, published without a paper.
    ThirdPartyRun,
}

impl TableKind {
    /// Whether the figures are the authors' own, which ours are judged against.
    pub fn is_of_the_authors(self) -> bool {
        !matches!(self, Self::FollowUp | Self::ThirdPartyRun)
    }
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Paper => "paper",
            Self::AuthorLog => "authors' log",
            Self::AuthorPoster => "authors' poster",
            Self::AuthorSlides => "authors' slides",
            Self::FigureDigitized => "read off a figure",
            Self::FollowUp => "later paper",
            Self::ThirdPartyRun => "third-party run",
        })
    }
}
