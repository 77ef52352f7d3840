//! The TOML form of a file's source.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::checker::Checker;
use crate::data::identity::{GitBlob, Identity};
use crate::data::manifest::FileSource;
use crate::digest::Digest;
use crate::error::Result;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WireFileSource {
    embedded: Option<String>,
    beside: Option<String>,
    mirror: Option<String>,
    url: Option<String>,
    #[serde(default)]
    gzip: bool,
    bytes: Option<u64>,
    sha256: Option<Digest>,
    git_blob: Option<GitBlob>,
}

impl Checker<'_> {
    /// The checked source of a file that `stays_compressed` in the cache or not, whose bytes there are `content`.
    ///
    /// # Errors
    /// `Input`, with line and key, if it says something that cannot be.
    pub fn source(
        &self,
        wire: &Spanned<WireFileSource>,
        stays_compressed: bool,
        content: Identity,
    ) -> Result<FileSource> {
        let source = wire.get_ref();
        let own = self.identity(wire, source.bytes, source.sha256, source.git_blob)?;
        if stays_compressed && source.gzip {
            return Err(self.error(
                wire,
                "",
                "a file that stays compressed in the cache is not decompressed on its way",
            ));
        }
        let identity = if own == Identity::Unknown && !source.gzip { content } else { own };
        let relative = |path: &str| {
            let inside = Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            if inside && !path.is_empty() {
                return Ok(path.to_string());
            }
            Err(self.error(wire, "", "the path of a source must stay inside its folder").got(format!("`{path}`")))
        };
        if content == Identity::Unknown {
            return Err(self.error(wire, "", "a file without a digest cannot be fetched, only brought by a person"));
        }
        if let (Some(path), None, None, None) = (&source.beside, &source.embedded, &source.mirror, &source.url) {
            if own != Identity::Unknown {
                return Err(self.error(wire, "", "a file beside the manifest is checked by its content alone"));
            }
            return Ok(FileSource::Beside { path: self.near(wire, path)?, gzip: source.gzip });
        }
        match (&source.embedded, &source.mirror, &source.url) {
            _ if source.beside.is_some() => {
                Err(self.error(wire, "", "a source is one of four").expected("`embedded`, `beside`, `mirror` or `url`"))
            }
            (Some(path), None, None) if source.gzip => Ok(FileSource::Embedded { path: relative(path)? }),
            (Some(_), None, None) => Err(self.error(wire, "", "an embedded file is compressed: `gzip = true`")),
            (None, Some(path), None) => Ok(FileSource::Mirror { path: relative(path)?, gzip: source.gzip, identity }),
            (None, None, Some(url)) if url.starts_with("https://") || url.starts_with("http://") => {
                Ok(FileSource::Url { url: url.clone(), gzip: source.gzip, identity })
            }
            (None, None, Some(url)) => Err(self.error(wire, "", "not a URL").expected("https://…").got(url)),
            _ => {
                Err(self.error(wire, "", "a source is one of four").expected("`embedded`, `beside`, `mirror` or `url`"))
            }
        }
    }

    /// The path of a file near the manifest; it may lead out of the manifest's folder, but not from the root, so that
    /// manifest and data can be moved together.
    fn near(&self, wire: &Spanned<WireFileSource>, path: &str) -> Result<String> {
        use std::path::Component::{CurDir, Normal, ParentDir};
        let steps = Path::new(path).components();
        let last = steps.clone().next_back();
        if matches!(last, Some(Normal(_))) && steps.clone().all(|step| matches!(step, Normal(_) | ParentDir | CurDir)) {
            return Ok(path.to_string());
        }
        Err(self
            .error(wire, "", "the path of a file beside the manifest does not lead there from its folder")
            .expected("a relative path, such as `ratings.csv` or `../data/ratings.csv`")
            .got(format!("`{path}`")))
    }
}
