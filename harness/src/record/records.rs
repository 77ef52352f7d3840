//! All records of runs below a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::stored::find;
use super::{Record, RunId, Stored};
use crate::error::{Error, Kind, Place, Result};

/// Whether two records of one run agree in all but machine and times.
fn same_result(a: &Record, b: &Record) -> bool {
    a.digests == b.digests && a.metrics == b.metrics && a.ranks == b.ranks
}

/// Records of runs with the files that they were read from, sorted by [`RunId`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records(BTreeMap<RunId, (PathBuf, Record)>);

impl Records {
    /// Reads every `seed-*.json` below `folder`; a folder that does not exist has none. Where a run has records in the
    /// layout of before November 2026 too, one for each class of machine, one of them is taken if all agree.
    ///
    /// # Errors
    /// The first record that cannot be read, that lies where another belongs, or that is there twice.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut records = Self::default();
        for file in find(folder, PREFIX)? {
            let record = Record::read(&file)?;
            records.add(file, record)?;
        }
        Ok(records)
    }

    /// Number of records below `folder`, which are not read: some may turn out to be damaged.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn count(folder: &Path) -> Result<usize> {
        Ok(find(folder, PREFIX)?.len())
    }

    /// Checks before hours of training that the records below `folder` lie where they belong. A record that cannot be
    /// read is passed over, since training writes it again.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for records that cannot be read.
    pub fn check_places(folder: &Path) -> Result<()> {
        let mut records = Self::default();
        for file in find(folder, PREFIX)? {
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
            return Err(Record::misplaced(Place::file(file), format!("…/{}", id.path().display())));
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

    /// The records without their files, sorted by [`RunId`].
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        self.0.into_values().map(|(_, record)| record)
    }
}

const PREFIX: &str = "seed-";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::digest::Digest;
    use crate::kit::sample;

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
        other.digests.weights = Some(Digest::of(b"other"));
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
}
