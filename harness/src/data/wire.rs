//! The TOML form of a manifest, and the checks that turn it into a [`Manifest`].

mod checker;
mod layout;
mod source;

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::digest::Digest;
use crate::document::{Document, read_text};
use crate::error::Result;
use crate::file::is_device;
use crate::schema::{generator, of_file};

use self::checker::Checker;
use self::layout::WireFileLayout;
use self::source::WireFileSource;
use super::identity::{GitBlob, Identity};
use super::layout::FileLayout;
use super::manifest::{DataFile, IdScheme, IdTable, Licence, Manifest, TakeOut};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireManifest {
    #[schemars(with = "String")]
    id: Spanned<String>,
    title: String,
    serves: String,
    citation: String,
    homepage: String,
    #[serde(default)]
    notes: String,
    licence: WireLicence,
    #[schemars(with = "Option<WireFileLayout>")]
    layout: Option<Spanned<WireFileLayout>>,
    #[schemars(with = "Vec<WireFile>")]
    file: Vec<Spanned<WireFile>>,
    #[schemars(with = "WireIdTable")]
    users: Spanned<WireIdTable>,
    #[schemars(with = "WireIdTable")]
    items: Spanned<WireIdTable>,
    #[schemars(with = "Option<BTreeMap<String, usize>>")]
    interactions: Option<Spanned<BTreeMap<String, usize>>>,
    #[schemars(with = "Option<WireTakeOut>")]
    take_out: Option<Spanned<WireTakeOut>>,
    prepared: Option<Digest>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireLicence {
    name: String,
    terms: String,
    redistributable: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireFile {
    name: String,
    part: Option<String>,
    bytes: Option<u64>,
    sha256: Option<Digest>,
    git_blob: Option<GitBlob>,
    #[serde(default)]
    gzip: bool,
    #[schemars(with = "Option<WireFileLayout>")]
    layout: Option<Spanned<WireFileLayout>>,
    #[serde(default)]
    #[schemars(with = "Vec<WireFileSource>")]
    source: Vec<Spanned<WireFileSource>>,
    instructions: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireIdTable {
    ids: WireIdScheme,
    first: Option<u32>,
    table: Option<usize>,
    count: Option<usize>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WireIdScheme {
    Dense,
    Map,
    Line,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireTakeOut {
    from: String,
    parts: Vec<String>,
}

/// What the files are called in errors.
const NOUN: &str = "manifest";

impl Manifest {
    /// The JSON schema of manifests as they are written, for editors.
    pub fn schema() -> serde_json::Value {
        of_file::<WireManifest>(generator(), "Manifest of a dataset for Reprise")
    }

    /// Reads and checks the manifest in the file `path`.
    ///
    /// # Errors
    /// `Input`, with line and key, if the manifest says something that cannot be; `Io`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_text(NOUN, path)?, path)
    }

    /// Checks the manifest in `text`, which came from the file `path`.
    ///
    /// # Errors
    /// `Input`, with line and key, if the manifest says something that cannot be.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let document = Document::parse(NOUN, path, text)?;
        let wire = document.read(&document.root)?;
        Checker { document }.manifest(wire)
    }
}

/// Most ids of users or items: more than any published dataset has, and few enough for a run to keep lists of them.
const LARGEST_TABLE: u64 = 1 << 27;

/// Most bytes of a name: file systems allow 255, and the cache adds a prefix and a suffix.
const LONGEST_NAME: usize = 200;

impl Checker<'_> {
    fn manifest(&self, wire: WireManifest) -> Result<Manifest> {
        let stem = self.document.file.file_stem().unwrap_or_default();
        if stem != wire.id.get_ref().as_str() {
            return Err(self
                .error(&wire.id, "", "a manifest's id must be its file's name")
                .expected(format!("`{}`", stem.display()))
                .got(format!("`{}`", wire.id.get_ref())));
        }
        self.plain_id(&wire.id)?;
        let default = wire.layout.as_ref().map(|layout| self.layout(layout)).transpose()?;
        let mut files: Vec<DataFile> = Vec::new();
        for file in &wire.file {
            let checked = self.file(file, default.as_ref())?;
            // Some systems take `A` and `a` for the same file.
            if files.iter().any(|other| other.name.eq_ignore_ascii_case(&checked.name)) {
                return Err(self.error(file, "name", format!("two files are called `{}`", checked.name)));
            }
            files.push(checked);
        }
        if files.is_empty() {
            return Err(self.error(&wire.id, "", "a dataset needs at least one [[file]]"));
        }
        let manifest = Manifest {
            path: self.document.file.to_path_buf(),
            id: wire.id.get_ref().clone(),
            title: wire.title,
            serves: wire.serves,
            citation: wire.citation,
            homepage: wire.homepage,
            notes: wire.notes,
            licence: Licence {
                name: wire.licence.name,
                terms: wire.licence.terms,
                redistributable: wire.licence.redistributable,
            },
            users: self.table(&wire.users)?,
            items: self.table(&wire.items)?,
            interactions: wire.interactions.as_ref().map(|counts| counts.get_ref().clone()),
            take_out: wire.take_out.as_ref().map(|take| {
                let WireTakeOut { from, parts } = take.get_ref();
                TakeOut { from: from.clone(), parts: parts.clone() }
            }),
            prepared: wire.prepared,
            files,
        };
        let lists_without_users = manifest.files.iter().any(|file| !file.layout.names_users());
        if (manifest.users.ids == IdScheme::Line) != lists_without_users {
            return Err(self
                .error(&wire.users, "ids", "`line` is for lists whose lines name no user, and for all of them")
                .hint("give the layout a leading `user`, or number users by line: `ids = \"line\"`"));
        }
        if manifest.items.ids == IdScheme::Line {
            return Err(self.error(&wire.items, "ids", "items cannot be numbered by line"));
        }
        if manifest.files.iter().all(|file| file.layout.is_of_items()) {
            return Err(self.error(&wire.id, "", "a dataset needs at least one file of interactions"));
        }
        let mut of_interactions = manifest.files.iter().filter(|file| !file.layout.is_of_items());
        let with_sessions = of_interactions.clone().filter(|file| file.layout.has_sessions()).count();
        if with_sessions > 0 && of_interactions.any(|file| !file.layout.has_sessions()) {
            return Err(self
                .error(&wire.id, "", "some files say the session of an interaction, and others do not")
                .expected("a column `session` in every file of interactions, or in none"));
        }
        let says = |file: &&DataFile| file.layout.has_categories();
        let of_items = manifest.files.iter().filter(says).filter(|file| file.layout.is_of_items()).count();
        let all = manifest.files.iter().filter(says).count();
        if of_items > 1 || of_items == 1 && all > 1 {
            return Err(self
                .error(&wire.items, "", "the categories of items are said more than once")
                .expected("one file of items, or a column `category` of interactions"));
        }
        if let (Some(wire), Some(counts)) = (&wire.interactions, &manifest.interactions) {
            let mut parts = manifest.parts();
            parts.sort_unstable();
            if !counts.keys().eq(parts.iter()) {
                return Err(self
                    .error(wire, "", "counts are needed for exactly the parts of the files")
                    .expected(parts.join(", "))
                    .got(counts.keys().cloned().collect::<Vec<_>>().join(", ")));
            }
        }
        if let (Some(wire), Some(take)) = (&wire.take_out, &manifest.take_out) {
            let unknown = take.parts.iter().chain([&take.from]).find(|part| !manifest.parts().contains(&part.as_str()));
            if let Some(part) = unknown {
                return Err(self.error(wire, "", format!("no file holds the part `{part}`")));
            }
            if take.parts.contains(&take.from) {
                return Err(self.error(wire, "", "a part cannot be taken out of itself"));
            }
        }
        Ok(manifest)
    }

    /// The id is the name of a folder of the cache, on every system.
    fn plain_id(&self, id: &Spanned<String>) -> Result<()> {
        let text = id.get_ref().as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if begins && text.chars().all(plain) && !text.ends_with('.') && text.len() <= LONGEST_NAME && !is_device(text) {
            return Ok(());
        }
        Err(self
            .error(id, "", "a dataset's id must be a plain name")
            .expected(format!(
                "at most {LONGEST_NAME} lower-case letters, digits, `-` and `.`, beginning with a letter or digit, not \
                 ending with `.`, and no name of a device such as `con`"
            ))
            .got(format!("`{text}`")))
    }

    fn file(&self, wire: &Spanned<WireFile>, default: Option<&FileLayout>) -> Result<DataFile> {
        let file = wire.get_ref();
        let odd = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
        let plain = |name: &str| {
            !name.is_empty()
                && name.len() <= LONGEST_NAME
                && !name.starts_with('.')
                && !name.ends_with(['.', ' '])
                && !name.contains(odd)
                && !is_device(name)
        };
        if !plain(&file.name) {
            return Err(self
                .error(wire, "name", "a file's name in the cache must be a plain file name")
                .got(format!("`{}`", file.name)));
        }
        let identity = self.identity(wire, file.bytes, file.sha256, file.git_blob)?;
        let layout = match (&file.layout, default) {
            (Some(own), _) => self.layout(own)?,
            (None, Some(default)) => default.clone(),
            (None, None) => {
                return Err(self
                    .error(wire, "layout", format!("nothing says how to read `{}`", file.name))
                    .hint("add a [layout] section"));
            }
        };
        match (&file.part, layout.is_of_items()) {
            (None, false) => {
                return Err(self
                    .error(wire, "part", format!("nothing says which part of the dataset `{}` holds", file.name))
                    .expected("`part`, such as `all` or `train`"));
            }
            (Some(_), true) => {
                return Err(self.error(wire, "part", "a file of items holds no part: it has no interactions"));
            }
            _ => {}
        }
        let sources =
            file.source.iter().map(|source| self.source(source, file.gzip, identity)).collect::<Result<Vec<_>>>()?;
        if sources.is_empty() && file.instructions.is_none() {
            return Err(self
                .error(wire, "source", format!("nothing says where `{}` can be had", file.name))
                .expected("a [[file.source]] or `instructions` for a person"));
        }
        Ok(DataFile {
            name: file.name.clone(),
            part: file.part.clone(),
            identity,
            gzip: file.gzip,
            layout,
            sources,
            instructions: file.instructions.clone(),
        })
    }

    fn identity<T>(
        &self,
        at: &Spanned<T>,
        bytes: Option<u64>,
        sha256: Option<Digest>,
        git_blob: Option<GitBlob>,
    ) -> Result<Identity> {
        match (bytes, sha256, git_blob) {
            (Some(bytes), Some(digest), None) => Ok(Identity::Sha256 { bytes, digest }),
            (None, None, Some(id)) => Ok(Identity::GitBlob(id)),
            (None, None, None) => Ok(Identity::Unknown),
            _ => Err(self
                .error(at, "", "the identity of a file is half said, or said twice")
                .expected("`bytes` and `sha256`; or `git-blob`; or none of them")),
        }
    }

    fn table(&self, wire: &Spanned<WireIdTable>) -> Result<IdTable> {
        let WireIdTable { ids, first, table, count } = *wire.get_ref();
        let ids = match (ids, first, table) {
            (WireIdScheme::Dense, first, Some(table)) => {
                let first = first.unwrap_or(0);
                // The ids of files are below 2^32.
                let most = LARGEST_TABLE.min((1 << 32) - u64::from(first));
                if table == 0 || table as u64 > most {
                    return Err(self
                        .error(wire, "table", "the table cannot have this size")
                        .expected(format!("1 to {most} ids"))
                        .got(format!("{table}"))
                        .hint("`table` is how many ids there can be, those from `first` on"));
                }
                IdScheme::Dense { first, table }
            }
            (WireIdScheme::Dense, _, None) => {
                return Err(self.error(wire, "table", "dense ids need the size of their table"));
            }
            (WireIdScheme::Map, None, None) => IdScheme::Map,
            (WireIdScheme::Line, None, None) => IdScheme::Line,
            _ => return Err(self.error(wire, "", "`first` and `table` are for dense ids")),
        };
        Ok(IdTable { ids, count })
    }
}
