//! `reprise bundle`: the results of a spec as an archive for reviewers, and the check of one.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use harness::bundle::{
    BUNDLE, BundleIndex, BundleSource, Names, ProgramFile, anonymous, bundle, read_archive, write_archive,
};
use harness::data::{FileSource, Manifest, load};
use harness::digest::Digest;
use harness::error::{Error, Kind, Place, Result};
use harness::file::{read, write_by_rename, write_to};
use harness::record::{Checked, LatencyRecord, Program, Record, Stored as _};
use harness::report::{Report, html, mark_external};
use harness::scratch::ScratchFolder;
use harness::spec::{Spec, Trainer};

use super::report::{basis, checked, papers};
use super::run::program;
use crate::home::{Home, cache_root};
use crate::outside::named_file;
use crate::places::Places;
use crate::terminal::{print, talk};
use crate::{embedded, identity};

#[derive(clap::Args)]
pub struct BundleArgs {
    /// Name of the spec (see `reprise list`), or a file such as `./mine.toml`
    #[arg(required_unless_present = "check", requires = "to")]
    pub spec: Option<String>,
    /// Profile of the spec [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// Archive to write
    #[arg(long, value_name = "FILE.zip")]
    pub to: Option<PathBuf>,
    /// Leave out command lines and commits, and refuse files that name this person, this machine or this repository
    #[arg(long)]
    pub anonymous: bool,
    /// Check a bundle: its names, sizes and digests, and that its records make its report (of the folders only the cache is used)
    #[arg(long, value_name = "FILE.zip", conflicts_with_all = ["spec", "profile", "to", "anonymous"])]
    pub check: Option<PathBuf>,
    #[command(flatten)]
    pub places: Places,
}

/// Files by their names in an archive, which are their places in a repository.
type Files = BTreeMap<String, Vec<u8>>;

pub fn run(args: &BundleArgs) -> Result<()> {
    match (&args.check, &args.spec, &args.to) {
        (Some(file), ..) => check(file, &args.places),
        (None, Some(spec), Some(to)) => make(args, spec, to),
        _ => unreachable!("the command line asks for one of the two"),
    }
}

fn make(args: &BundleArgs, spec: &str, to: &Path) -> Result<()> {
    let home = Home::find(&args.places)?;
    let mut spec = home.spec(spec, args.profile.as_deref())?;
    let manifest = home.manifest(&spec)?;
    // In the bundle it stands in a repository, whose commands name it by its id.
    spec.outside = false;
    let mut records = checked(&home, &spec, &manifest)?;
    // Others cannot be made from this spec.
    for stale in std::mem::take(&mut records.stale) {
        talk(&format!("left out: {} seed {}, since {}", stale.id.trial, stale.id.seed, stale.why));
    }
    mark_external(&mut spec, &records);
    let given = given(&home, &spec, &manifest)?;
    let mut by = By { program: program(), file: program_file()?, names: None };
    if args.anonymous {
        records = anonymous(records);
        let of_spec = spec.file.parent().unwrap_or(Path::new(""));
        let searched = identity::searched(&[home.root(), of_spec]);
        talk(&format!("searched for: {}", searched.names.iter().collect::<Vec<_>>().join(", ")));
        if !searched.not.is_empty() {
            talk(&format!("not searched for, as words of the program's own files: {}", searched.not.join(", ")));
        }
        by.names = Some(searched.names);
        (by.program.commit, by.program.dirty) = (None, None);
    }
    let files = files(&home, &spec, &manifest, &records, given, by)?;
    write_to(to, &write_archive(&files)?)?;
    talk(&format!("{} files, {} records: {}", files.len(), records.current.len(), to.display()));
    talk("CHECKLIST.md in it says what only a person can answer");
    Ok(())
}

/// Who makes a bundle.
struct By {
    program: Program,
    file: ProgramFile,
    /// Of an anonymous one: what must not stand in it.
    names: Option<Names>,
}

/// All files of a bundle.
fn files(home: &Home, spec: &Spec, manifest: &Manifest, records: &Checked, given: Files, by: By) -> Result<Files> {
    let basis = basis(home, spec, manifest)?;
    let reports = [Report::new(&basis, records)?];
    let page = html(&papers(home, &reports)?);
    let public = given.iter().filter(|(place, content)| embedded::is_ours(place, content));
    let public = public.map(|(place, _)| place.clone()).collect();
    bundle(&BundleSource {
        report: &reports[0],
        records,
        place: &place(&home.folder_of(&spec.file, &spec.id)),
        page: &page,
        given,
        public,
        program: by.program,
        program_file: by.file,
        names: by.names,
    })
}

/// The files that are taken as they are.
fn given(home: &Home, spec: &Spec, manifest: &Manifest) -> Result<Files> {
    let mut files: Files =
        embedded::OF_PROGRAM.iter().map(|(name, content)| (name.to_string(), content.to_vec())).collect();
    let mut take = |place: &Path, file: &Path| {
        if !place.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::new(Kind::Input, "a file of the spec stands outside of its folder")
                .at(Place::file(file))
                .expected("files beside the spec or below, which a bundle can hold")
                .got(format!("`{}`", place.display()))
                .hint("move it beside the spec"));
        }
        let content = read(file).map_err(|error| Error::io("cannot read a file of the bundle", file, &error))?;
        files.insert(self::place(place), content);
        Ok::<(), Error>(())
    };
    let spec_place = Path::new("reproductions").join(home.folder_of(&spec.file, &spec.id)).with_extension("toml");
    take(&spec_place, &spec.file)?;
    // What the spec names stands beside it, there as here.
    let (there, here) = (spec_place.parent().unwrap_or(Path::new("")), spec.file.parent().unwrap_or(Path::new("")));
    let mut beside: Vec<PathBuf> = spec.curves.iter().map(|curve| curve.file.clone()).collect();
    for trial in &spec.trials {
        if let Trainer::Program(program) = &trial.trainer {
            beside.extend(program.files.iter().map(|(name, _)| PathBuf::from(name)));
        }
    }
    if spec.paper.is_some() {
        beside.push("published.toml".into());
        beside.extend(here.join("NOTES.md").is_file().then(|| "NOTES.md".into()));
    }
    for name in beside {
        take(&there.join(&name), &here.join(&name))?;
    }
    for schema in
        ["reproductions/schema/spec.json", "reproductions/schema/published.json", "data-manifests/schema/manifest.json"]
    {
        let file = home.root().join(schema);
        if file.is_file() {
            take(Path::new(schema), &file)?;
        }
    }
    let manifests = Path::new("data-manifests");
    take(&manifests.join(&manifest.id).with_extension("toml"), &manifest.path)?;
    if manifest.licence.redistributable {
        let folder = manifest.path.parent().unwrap_or(Path::new(""));
        for source in manifest.files.iter().flat_map(|file| &file.sources) {
            let FileSource::Embedded { path } = source else { continue };
            take(&manifests.join(path), &folder.join(path))?;
            let licence = Path::new(path).with_file_name("LICENSE");
            if folder.join(&licence).is_file() {
                take(&manifests.join(&licence), &folder.join(&licence))?;
            }
        }
    }
    Ok(files)
}

/// A path in a repository as the name of a file in an archive.
fn place(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// What the file of this program is.
fn program_file() -> Result<ProgramFile> {
    let failed =
        |error: std::io::Error| Error::new(Kind::Io, "the program's own file cannot be read").got(error.to_string());
    let file = std::env::current_exe().and_then(std::fs::File::open).map_err(failed)?;
    let (sha256, bytes) = Digest::of_reader(file).map_err(failed)?;
    Ok(ProgramFile { sha256, bytes })
}

/// Checks a bundle: nothing that it says is believed that can be worked out.
fn check(archive: &Path, places: &Places) -> Result<()> {
    let found = read_archive(archive)?;
    let list = found.get(BUNDLE).ok_or_else(|| {
        Error::new(Kind::Data, "the archive is no bundle")
            .at(Place::file(archive))
            .expected(format!("a file {BUNDLE} in it"))
            .got("none")
    })?;
    let index = BundleIndex::parse(list, &archive.join(BUNDLE))?;
    index.check_files(archive, &found)?;
    let bytes: u64 = index.files.values().map(|file| file.bytes).sum();
    print(&format!("files    {}, {bytes} bytes: each has the digest that {BUNDLE} states", index.files.len()));
    let records = read_records(archive, &found)?;
    print(&format!("records  {}, each true to its own figures", records.number));
    same_again(archive, places, &found, &index, records.dataset)?;
    print("report   made again from the records, with all tables, figures and metadata: the same bytes");
    print(&format!("\n{}, profile {}: the bundle is whole", index.spec, index.profile));
    Ok(())
}

/// What all records of a bundle say.
struct Read {
    number: usize,
    /// Digest of the prepared dataset, by the first.
    dataset: Option<Digest>,
}

/// Reads all records of a bundle.
fn read_records(archive: &Path, files: &Files) -> Result<Read> {
    let mut read = Read { number: 0, dataset: None };
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with("results/") && name.ends_with(".json")) {
        let (file, at) = (name.rsplit('/').next().unwrap_or_default(), archive.join(name));
        if file.starts_with("seed-") {
            let record = Record::parse(content, &at)?;
            read.dataset = read.dataset.or(Some(record.digests.dataset));
        } else if file.starts_with("latency-seed-") {
            LatencyRecord::parse(content, &at)?;
        } else {
            continue;
        }
        read.number += 1;
    }
    Ok(read)
}

/// Makes the bundle again from the files that it was given, and from its records.
fn same_again(
    archive: &Path,
    places: &Places,
    found: &Files,
    index: &BundleIndex,
    dataset: Option<Digest>,
) -> Result<()> {
    let ours = program_file()?;
    let scratch = ScratchFolder::new(&cache_root(places)?.join("bundle"))?;
    let root = scratch.path().join("repository");
    for (name, content) in found {
        write_by_rename(&root.join(name), content)?;
    }
    let home = Home::find(&Places { home: Some(root.clone()), results: Some(root.join("results")), ..places.clone() })?;
    if named_file(&index.spec).is_some() {
        return Err(Error::new(Kind::Data, "the bundle names its spec by a file")
            .at(Place::file(archive.join(BUNDLE)).key("spec"))
            .expected("the id of a spec in it")
            .got(format!("`{}`", index.spec)));
    }
    let mut spec = home.spec(&index.spec, Some(&index.profile))?;
    let mut manifest = home.manifest(&spec)?;
    if manifest.licence.redistributable && manifest.is_embedded() {
        load(&manifest, &home.cache)?;
    }
    // Other data need not be here: that all records are of the same prepared dataset is what can be told without them.
    manifest.prepared = manifest.prepared.or(dataset);
    let records = checked(&home, &spec, &manifest)?;
    mark_external(&mut spec, &records);
    let refuse = |what: &str| Error::new(Kind::Data, what).at(Place::file(archive));
    if let Some(stale) = records.stale.first() {
        return Err(refuse("a record of the bundle is not of its spec")
            .got(format!("{} seed {}: {}", stale.id.trial, stale.id.seed, stale.why)));
    }
    if index.anonymous && (anonymous(records.clone()) != records || index.program.commit.is_some()) {
        return Err(refuse("the bundle says that it is anonymous, and is not")
            .expected("plain commands, and no commit of the program")
            .got("a record with another command, or with a commit"));
    }
    // The program's own files are those of the program that made the bundle, which may be this one.
    let mut given = given(&home, &spec, &manifest)?;
    let is_of_another =
        |name: &str| index.program_file != ours || !embedded::OF_PROGRAM.iter().any(|(own, _)| *own == name);
    for (name, content) in given.iter_mut().filter(|(name, _)| is_of_another(name)) {
        *content = found
            .get(name)
            .cloned()
            .ok_or_else(|| refuse("a file of the bundle is missing").got(format!("`{name}`")))?;
    }
    let foreign = given.iter().filter(|(name, content)| !embedded::is_ours(name, content));
    let foreign: Vec<&str> = foreign.map(|(name, _)| &**name).collect();
    if !foreign.is_empty() {
        print(&format!("believed, since they are not this program's own: {}", foreign.join(", ")));
    }
    let by =
        By { program: index.program.clone(), file: index.program_file, names: index.anonymous.then(Names::default) };
    let again = files(&home, &spec, &manifest, &records, given, by)?;
    let differs: Vec<&str> = again
        .iter()
        .filter(|(name, content)| found.get(*name) != Some(content))
        .map(|(name, _)| &**name)
        .chain(found.keys().filter(|name| !again.contains_key(*name)).map(|name| &**name))
        .collect();
    if differs.is_empty() {
        return Ok(());
    }
    Err(refuse("the bundle is not what its records make")
        .expected("every file, byte for byte, as this program makes it from the spec and the records")
        .got(format!("others: {}", differs.join(", ")))
        .hint(format!("Reprise {} made it: another version may word a report otherwise", index.program.version)))
}
