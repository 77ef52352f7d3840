//! Specs and manifests that stand outside of a repository, where the command line names them by their files.

use std::path::{Path, PathBuf};

use harness::data::{Catalog, Manifest};
use harness::error::{Error, Kind, Place, Result};

/// The folder of manifests beside a spec, called as that of a repository.
pub const MANIFESTS: &str = "data-manifests";

/// The file that an argument names: ids have no such ending.
pub fn named_file(argument: &str) -> Option<&Path> {
    let file = Path::new(argument);
    file.extension().is_some_and(|end| end == "toml").then_some(file)
}

/// The path of a file that is there, with its links followed.
pub fn existing(file: &Path, argument: &str) -> Result<PathBuf> {
    file.canonicalize().map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let (kind, what) = match missing {
            true => (Kind::Missing, format!("there is no file `{argument}`")),
            false => (Kind::Io, format!("cannot read `{argument}`")),
        };
        Error::new(kind, what)
            .at(Place::file(file))
            .got(error.to_string())
            .hint("what ends with `.toml` is a file; a spec of the repository is named by its id, see `reprise list`")
    })
}

/// Says of an argument that names nothing how a spec outside of a repository is named.
pub fn hint_at_file(argument: &str, error: Error) -> Error {
    let file = format!("{argument}.toml");
    if Path::new(&file).is_file() {
        return error.hint(format!("a spec outside of the repository is named by its file: `{file}`"));
    }
    error.hint("a spec outside of the repository is named by its file, such as `./mine.toml`")
}

/// The manifest of the dataset of the spec in `file`: `data-manifests/DATASET.toml` or `DATASET.toml` beside the spec, or
/// else the repository's.
///
/// # Errors
/// `Missing` if nobody has it; `Input` if it is wrong, stands twice, or has the id of other data of the repository: both
/// would share a folder of the cache.
pub fn manifest(file: &Path, dataset: &str, repository: &Catalog) -> Result<Manifest> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = format!("{dataset}.toml");
    let places = [folder.join(MANIFESTS).join(&name), folder.join(&name)];
    // A spec may be called as its dataset.
    let found: Vec<&PathBuf> = places.iter().filter(|place| place.as_path() != file && place.exists()).collect();
    if let [first, second] = found[..] {
        return Err(Error::new(Kind::Input, format!("two manifests of `{dataset}` stand beside the spec"))
            .at(Place::file(second))
            .expected("one of them")
            .got(format!("{}, too", first.display()))
            .hint("remove one of the two"));
    }
    let Some(path) = found.first() else {
        let looked = format!("it may stand beside the spec: {} or {}", places[0].display(), places[1].display());
        let written = format!("`reprise data describe FILE… --to {}` writes one", places[0].display());
        return repository.get(dataset).map_err(|error| error.hint(looked).hint(written));
    };
    let manifest = Manifest::read(path)?;
    match repository.has(dataset).then(|| repository.get(dataset)).transpose()? {
        Some(ours) if !same_files(&manifest, &ours) => {
            Err(Error::new(Kind::Input, format!("`{dataset}` is another dataset of the repository"))
                .at(Place::file(*path).key("id"))
                .expected("an id that the repository does not have, or the same files")
                .hint("rename the manifest and its `id`, and the spec's `dataset`"))
        }
        _ => Ok(manifest),
    }
}

/// Whether two manifests are of the same bytes.
fn same_files(a: &Manifest, b: &Manifest) -> bool {
    let identities =
        |manifest: &Manifest| manifest.files.iter().map(|file| (file.name.clone(), file.identity)).collect::<Vec<_>>();
    identities(a) == identities(b)
}
