//! All records below a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Arithmetic, LatencyRecord, Record};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

/// What a record is of. No two records of one tree have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    pub spec: String,
    pub profile: String,
    pub arithmetic: Arithmetic,
    pub trial: String,
    pub seed: u64,
}

impl RunId {
    /// Where the record lies below its spec's folder in `results/`: `<profile>/<trial>/seed-<n>.json`, of a CUDA device
    /// `<profile>/cuda/<trial>/seed-<n>.json`.
    pub fn path(&self) -> PathBuf {
        self.path_in(self.arithmetic.folder())
    }

    /// Where it lay until November 2026, below the class of the machine.
    fn old_path(&self, class: &str) -> PathBuf {
        self.path_in(Some(class))
    }

    fn path_in(&self, folder: Option<&str>) -> PathBuf {
        let (trial, file) = (self.trial.as_str(), format!("seed-{}.json", self.seed));
        std::iter::once(self.profile.as_str()).chain(folder).chain([trial, &file]).collect()
    }

    /// The files of this run below `results`, the folder of its spec: in its place, and in those of the old layout.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn files(&self, results: &Path) -> Result<Vec<PathBuf>> {
        let profile = results.join(&self.profile);
        let failed = |error| Error::io("cannot list a folder of records", &profile, &error);
        let entries = match fs::read_dir(&profile) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut files = vec![results.join(self.path())];
        for entry in entries {
            let folder = entry.map_err(failed)?.file_name();
            let class = folder.to_string_lossy();
            let in_place = Arithmetic::Cuda.folder() == Some(&*class); // Not by class: of today's layout.
            let cuda = class.ends_with("-cuda");
            if !in_place && cuda == (self.arithmetic == Arithmetic::Cuda) {
                files.push(results.join(self.old_path(&class)));
            }
        }
        files.retain(|file| file.is_file());
        Ok(files)
    }
}

/// Whether two records of one run say the same of it: all but where and how long.
fn same_result(a: &Record, b: &Record) -> bool {
    a.digests == b.digests && a.metrics == b.metrics && a.ranks == b.ranks
}

impl Record {
    pub fn id(&self) -> RunId {
        RunId {
            spec: self.spec.clone(),
            profile: self.profile.clone(),
            arithmetic: Arithmetic::of_device(&self.device),
            trial: self.trial.clone(),
            seed: self.seed,
        }
    }
}

/// Records with the files they were read from, sorted by [`RunId`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records(BTreeMap<RunId, (PathBuf, Record)>);

/// Records held against the runs that today's spec would make.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Sorted by [`RunId`].
    pub current: Vec<Record>,
    /// Of models that runs of today's spec make, sorted as well.
    pub latency: Vec<LatencyRecord>,
    /// Listed, never compared.
    pub stale: Vec<Stale>,
}

/// A record that does not speak for today's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Stale {
    pub id: RunId,
    pub why: String,
}

impl Records {
    /// Reads every `seed-*.json` below `folder`; a folder that does not exist has none. Of a run that is also there in
    /// the old layout, by the class of the machine, one record is taken if all say the same.
    ///
    /// # Errors
    /// The first record that cannot be read, that lies where another belongs, or that is there twice.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut records = Self::default();
        for file in files(folder)? {
            let record = Record::read(&file)?;
            records.add(file, record)?;
        }
        Ok(records)
    }

    /// How many records lie below `folder`, unread: whether they can be, reports say.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn count(folder: &Path) -> Result<usize> {
        Ok(files(folder)?.len())
    }

    /// Finds out before hours of training whether the records below `folder` lie where they belong. One that cannot be
    /// read is passed over: training writes it anew.
    ///
    /// # Errors
    /// As [`read`](Self::read), of records that can be read.
    pub fn check_places(folder: &Path) -> Result<()> {
        let mut records = Self::default();
        for file in files(folder)? {
            if let Ok(record) = Record::read(&file) {
                records.add(file, record)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, file: PathBuf, record: Record) -> Result<()> {
        let id = record.id();
        let in_place = file.ends_with(id.path());
        if !in_place && !file.ends_with(id.old_path(&record.machine.class)) {
            return Err(Error::new(Kind::Data, "a record lies where another belongs")
                .at(Place::file(file))
                .expected(format!("…/{}", id.path().display()))
                .hint("a record says which run it is of; do not rename or copy it"));
        }
        if let Some((other, known)) = self.0.get(&id) {
            let both_in_place = in_place && other.ends_with(id.path());
            if both_in_place || !same_result(known, &record) {
                let same = "the same run gives the same bytes on every CPU";
                return Err(Error::new(Kind::Data, "two records of the same run")
                    .at(Place::file(file))
                    .expected(format!("one record for each spec, profile, trial and seed: {same}"))
                    .got(format!("the run of {}", other.display()))
                    .hint("remove one of the two"));
            }
            if !in_place {
                return Ok(());
            }
        }
        self.0.insert(id, (file, record));
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Record)> {
        self.0.values().map(|(file, record)| (&**file, record))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the records of one spec and profile and sets those aside whose fingerprint is not
    /// today's. `expected` holds today's, by trial and seed.
    pub fn check(self, spec: &str, profile: &str, expected: &BTreeMap<(String, u64), Digest>) -> Checked {
        let mut checked = Checked::default();
        let ours = self.0.into_iter().filter(|(id, _)| id.spec == spec && id.profile == profile);
        for (id, (_, record)) in ours {
            let run = record.digests.run;
            match expected.get(&(id.trial.clone(), id.seed)) {
                Some(today) if *today == run => checked.current.push(record),
                Some(today) => {
                    let why = format!("its run is {}, today's is {}", run.short(), today.short());
                    checked.stale.push(Stale { id, why });
                }
                None => checked.stale.push(Stale { id, why: "the spec has no such trial or seed today".into() }),
            }
        }
        checked.set_other_splits_aside();
        checked
    }
}

impl Checked {
    /// The same rule may split otherwise in another version of the program, which no fingerprint
    /// tells: only records of the newest one's split are compared.
    fn set_other_splits_aside(&mut self) {
        let Some(newest) = self.current.iter().max_by(|a, b| a.started.cmp(&b.started)) else { return };
        let split = newest.digests.split;
        let (same, other) = std::mem::take(&mut self.current).into_iter().partition(|r| r.digests.split == split);
        self.current = same;
        self.stale.extend(other.into_iter().map(|record: Record| Stale {
            id: record.id(),
            why: format!("its split is {}, the newest record's is {}", record.digests.split.short(), split.short()),
        }));
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    find(folder, "seed-", &mut files)?;
    Ok(files)
}

/// Files below `folder` that are called `<prefix>….json`, in order.
pub(super) fn find(folder: &Path, prefix: &str, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error| Error::io("cannot list a folder of records", folder, &error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let entry = |entry: std::io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
    let mut paths = entries.map(entry).collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (path, kind) in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Links to folders are not followed: they may lead back.
        if kind.is_dir() {
            find(&path, prefix, files)?;
        } else if name.starts_with(prefix) && name.ends_with(".json") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn write(folder: &Path, record: &Record) {
        record.write(&folder.join(record.id().path())).unwrap();
    }

    #[test]
    fn reads_all_sorted() {
        let folder = tempfile::tempdir().unwrap();
        for (trial, seed) in [("b", 10), ("b", 2), ("a", 7)] {
            write(folder.path(), &sample(trial, seed));
        }
        fs::write(folder.path().join("REPORT.md"), "x").unwrap();
        fs::write(folder.path().join(".seed-1.json.9.part"), "x").unwrap();
        let records = Records::read(folder.path()).unwrap();
        let ids: Vec<_> = records.iter().map(|(_, record)| (&*record.trial, record.seed)).collect();
        assert_eq!(ids, [("a", 7), ("b", 2), ("b", 10)]);
        assert!(Records::read(&folder.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn refuses_the_same_run_twice() {
        let folder = tempfile::tempdir().unwrap();
        let record = sample("a", 1);
        write(&folder.path().join("one"), &record);
        write(&folder.path().join("two"), &record);
        let error = Records::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("two records of the same run") && error.contains("two"), "{error}");
    }

    #[test]
    fn refuses_a_record_in_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let record = sample("a", 1);
        record.write(&folder.path().join("paper/a/seed-2.json")).unwrap();
        for error in [Records::read(folder.path()).unwrap_err(), Records::check_places(folder.path()).unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains("where another belongs") && error.contains("paper/a/seed-1.json"), "{error}");
        }
        fs::write(folder.path().join("paper/a/seed-2.json"), "{").unwrap();
        assert!(Records::read(folder.path()).is_err(), "damaged");
        Records::check_places(folder.path()).unwrap();
    }

    #[test]
    fn the_old_layout_by_machine_class_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let old = |record: &Record| {
            let file = record.id().old_path(&record.machine.class);
            record.write(&folder.path().join(&file)).unwrap();
            folder.path().join(file)
        };
        let (mut first, mut other) = (sample("a", 1), sample("a", 1));
        first.machine.class = "x86_64-avx2".into();
        old(&first);
        assert_eq!(Records::read(folder.path()).unwrap().len(), 1);
        // Made on another CPU, too, and in the place of today.
        other.machine.class = "x86_64-avx512".into();
        let file = old(&other);
        write(folder.path(), &other);
        let records = Records::read(folder.path()).unwrap();
        let [(found, _)] = records.iter().collect::<Vec<_>>()[..] else { panic!("{records:?}") };
        assert_eq!(found, folder.path().join("paper/a/seed-1.json"));
        assert_eq!(first.id().files(folder.path()).unwrap().len(), 3);
        // Another result is no copy.
        other.digests.weights = Digest::of(b"other");
        other.write(&file).unwrap();
        let error = Records::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("two records of the same run") && error.contains("every CPU"), "{error}");
    }

    #[test]
    fn what_cuda_made_lies_apart() {
        let mut record = sample("a", 1);
        record.device = "cuda:0 Example".into();
        record.machine.class = "x86_64-avx512-cuda".into();
        assert_eq!(record.id().path(), Path::new("paper/cuda/a/seed-1.json"));
        let folder = tempfile::tempdir().unwrap();
        for record in [&record, &sample("a", 1)] {
            write(folder.path(), record);
        }
        assert_eq!(Records::read(folder.path()).unwrap().len(), 2);
        for record in [&record, &sample("a", 1)] {
            let id = record.id();
            assert_eq!(id.files(folder.path()).unwrap(), [folder.path().join(id.path())], "each has its own alone");
        }
    }

    #[test]
    fn sets_stale_records_aside() {
        let folder = tempfile::tempdir().unwrap();
        for seed in 0..3 {
            write(folder.path(), &sample("a", seed));
        }
        let expected = [
            (("a".to_string(), 0), sample("a", 0).digests.run),
            (("a".to_string(), 1), Digest::of(b"another")),
            (("b".to_string(), 2), sample("b", 2).digests.run),
        ];
        let checked =
            Records::read(folder.path()).unwrap().check("de-rrd/citeulike", "paper", &expected.clone().into());
        assert_eq!(checked.current, [sample("a", 0)]);
        assert_eq!(checked.stale.iter().map(|stale| stale.id.seed).collect::<Vec<_>>(), [1, 2]);
        assert!(checked.stale[0].why.contains("today's"), "{:?}", checked.stale);
        assert!(checked.stale[1].why.contains("no such trial"), "{:?}", checked.stale);
        let other = Records::read(folder.path()).unwrap().check("de-rrd/citeulike", "quick", &expected.into());
        assert_eq!(other, Checked::default());
    }
}
