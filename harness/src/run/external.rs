//! Runs the programs of others that are trials of a spec: the split out, their lists in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::judge::{Brought, ListJudge};
use super::plan::Run;
use super::prepared::Prepared;
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::export::{EXPORT, ExportRecord, Source, export};
use crate::file;
use crate::program::{Environment, ExportFormat, ExternalProgram, Watch};
use crate::record::{ProgramRun, Record, Stored as _};
use crate::scratch::ScratchFolder;
use crate::spec::SplitIds;

/// The split as files and the judge of what comes back, made once for all programs of a job.
pub(super) struct Programs<'p> {
    prepared: &'p Prepared<'p>,
    ids: &'p SplitIds,
    /// Goes away with all that is in it.
    scratch: ScratchFolder,
    judge: ListJudge<'p>,
    /// What was exported, by the name of the form.
    exported: BTreeMap<&'static str, ExportRecord>,
    /// By trial: whether the machine has the program in the version of the spec.
    versions: BTreeMap<&'p str, Result<()>>,
}

/// Refuses to start programs that nobody allowed, or tells what will be started. `fresh`: whether programs run again that have
/// run.
///
/// # Errors
/// [`Input`](Kind::Input)
pub(super) fn check_allowed(prepared: &Prepared<'_>, allowed: bool, fresh: bool) -> Result<()> {
    let mut told: Vec<&str> = Vec::new();
    for run in &prepared.runs {
        let Some(program) = run.trial.trainer.program().filter(|_| !told.contains(&&*run.trial.id)) else { continue };
        if is_done(prepared, run, fresh)? {
            continue;
        }
        let (trial, command, folder) = (&run.trial.id, program.shown(), program.folder.display());
        let version = program.shown_version();
        if !allowed {
            let key = format!("trial.{trial}");
            return Err(Error::new(Kind::Input, format!("the trial `{trial}` is a program of others"))
                .at(Place::file(&prepared.job.spec.file).key(key))
                .expected("`--allow-programs`, from who has read it: it can do all that you can")
                .got(format!("`{command}` and `{version}`, to be run in {folder}"))
                .hint("`--trial` picks other trials"));
        }
        prepared.job.observer.note(&format!("`{trial}` runs `{command}` and `{version}` in {folder}"));
        told.push(trial);
    }
    Ok(())
}

/// Whether there are lists of a run: those that were brought count with `fresh`, too, since they cannot be made again here.
///
/// # Errors
/// [`Io`](Kind::Io)
pub(super) fn is_done(prepared: &Prepared<'_>, run: &Run<'_>, fresh: bool) -> Result<bool> {
    let Some(file) = prepared.judged(run)? else { return Ok(false) };
    Ok(!fresh || Record::read(&file).is_ok_and(|record| record.lists.is_some_and(|lists| lists.ran.is_none())))
}

impl<'p> Programs<'p> {
    /// # Errors
    /// [`Io`](Kind::Io); a period that the protocol does not fit.
    pub fn new(prepared: &'p Prepared<'p>, ids: &'p SplitIds) -> Result<Self> {
        let scratch = ScratchFolder::new(&prepared.job.cache.runs().join("programs"))?;
        let judge = ListJudge::new(prepared, ids.clone())?;
        Ok(Self { prepared, ids, scratch, judge, exported: BTreeMap::new(), versions: BTreeMap::new() })
    }

    /// Runs the program of a trial at a seed, and judges its lists.
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing): the machine has not the program, or not in the version of the spec; [`Data`](Kind::Data): it
    /// fails, takes too long, changes the split or writes no lists that count; [`Interrupted`](Kind::Interrupted);
    /// [`Io`](Kind::Io).
    pub fn run(&mut self, run: &Run<'p>, program: &ExternalProgram) -> Result<Record> {
        let observer = self.prepared.job.observer;
        let watch = Watch {
            interrupted: &|| observer.interrupted(),
            says: &|line, elapsed| observer.program_says(line, elapsed, program.timeout),
            note: &|text| observer.note(text),
        };
        let at = || Place::file(&self.prepared.job.spec.file).key(format!("trial.{}", run.trial.id));
        match self.versions.get(&*run.trial.id) {
            Some(known) => known.clone()?,
            None => {
                let found = program.check_version(&watch).map_err(|error| error.or_at(at()));
                self.versions.insert(&run.trial.id, found.clone());
                found?;
            }
        }
        let root = std::path::absolute(self.scratch.path()).unwrap_or_else(|_| self.scratch.path());
        let split = root.join(program.export.name());
        self.export(program.export, &split)?;
        let lists = root.join(format!("{}-{}.lists", run.trial.id, run.seed));
        let environment = Environment {
            split: split.clone(),
            seed: run.seed,
            lists: lists.clone(),
            threads: rayon::current_num_threads(),
        };
        let started = jiff::Timestamp::now();
        let ran = program.run(&environment, &watch).map_err(|error| error.or_at(at()));
        let unchanged = self.check_unchanged(program, &split).map_err(|error| error.or_at(at()));
        let record = ran.and_then(|cost| unchanged.map(|()| cost)).and_then(|cost| {
            let (command, cpu_seconds) = (program.command.clone(), cost.cpu.map(|cpu| cpu.as_secs_f64()));
            let (by, ran) = (Some(program.version.prints.clone()), Some((ProgramRun { command, cpu_seconds }, cost)));
            let record = self.judge.record(run, &lists, Brought { by, started, ran });
            record.map_err(|error| self.refused(run, &lists, error))
        });
        let _ = std::fs::remove_file(&lists);
        record
    }

    /// Writes the split, unless it is there.
    fn export(&mut self, format: ExportFormat, split: &Path) -> Result<()> {
        if self.exported.contains_key(format.name()) {
            return Ok(());
        }
        // Half an export would be refused as a folder of something else.
        let _ = std::fs::remove_dir_all(split);
        let Prepared { job, data, .. } = self.prepared;
        export(Source { spec: job.spec, manifest: job.manifest, data, ids: self.ids }, format, split)?;
        self.exported.insert(format.name(), ExportRecord::read(&split.join(EXPORT))?);
        Ok(())
    }

    /// Refuses a program that changed the split: others would learn from something else.
    fn check_unchanged(&mut self, program: &ExternalProgram, split: &Path) -> Result<()> {
        let Some(exported) = self.exported.get(program.export.name()) else { return Ok(()) };
        let is =
            |name: &str, digest: Digest| file::read(&split.join(name)).is_ok_and(|bytes| Digest::of(&bytes) == digest);
        let changed = exported.files.iter().find(|(name, file)| !is(name, file.sha256)).map(|(name, _)| name.clone());
        let Some(name) = changed else { return Ok(()) };
        self.exported.remove(program.export.name());
        Err(Error::new(Kind::Data, format!("`{}` changed the split that it was handed", program.shown()))
            .expected("files below `REPRISE_SPLIT` as they were")
            .got(format!("another `{name}`")))
    }

    /// Keeps lists that were refused, for a look at them.
    fn refused(&self, run: &Run<'_>, lists: &Path, error: Error) -> Error {
        let folder = self.prepared.job.cache.runs().join("refused");
        let kept: PathBuf =
            folder.join(format!("{}-seed-{}-{}.lists", run.trial.id, run.seed, run.fingerprint.short()));
        match std::fs::create_dir_all(&folder).and_then(|()| std::fs::rename(lists, &kept)) {
            Ok(()) => error.hint(format!("these lists are kept in {}", kept.display())),
            Err(_) => error,
        }
    }
}
