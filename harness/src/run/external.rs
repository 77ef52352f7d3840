//! Runs the programs of others that are trials of a spec: the split out, their lists in.

use super::judge::{Brought, ListJudge};
use super::plan::Run;
use super::prepared::Prepared;
use crate::error::{Error, Kind, Place, Result};
use crate::export::{Source, export};
use crate::program::{Environment, ExportFormat, ExternalProgram, Watch};
use crate::record::{ProgramRun, Record};
use crate::scratch::ScratchFolder;
use crate::spec::SplitIds;

/// The split as files and the judge of what comes back, made once for all programs of a job.
pub(super) struct Programs<'p> {
    prepared: &'p Prepared<'p>,
    ids: &'p SplitIds,
    /// Goes away with all that is in it.
    scratch: ScratchFolder,
    judge: ListJudge<'p>,
    exported: Vec<ExportFormat>,
    /// The trials whose version was found to be that of the spec.
    known: Vec<&'p str>,
}

/// Refuses to start programs that nobody allowed, or tells what will be started.
///
/// # Errors
/// [`Input`](Kind::Input)
pub(super) fn check_allowed(prepared: &Prepared<'_>, allowed: bool) -> Result<()> {
    let mut told: Vec<&str> = Vec::new();
    for run in &prepared.runs {
        let Some(program) = run.trial.trainer.program().filter(|_| !told.contains(&&*run.trial.id)) else { continue };
        let (trial, command, folder) = (&run.trial.id, program.shown(), program.folder.display());
        if !allowed {
            let key = format!("trial.{trial}");
            return Err(Error::new(Kind::Input, format!("the trial `{trial}` is a program of others"))
                .at(Place::file(&prepared.job.spec.file).key(key))
                .expected("`--allow-programs`, from who has read it: it can do all that you can")
                .got(format!("`{command}`, to be run in {folder}"))
                .hint("`--trial` picks other trials"));
        }
        prepared.job.observer.note(&format!("`{trial}` runs `{command}` in {folder}"));
        told.push(trial);
    }
    Ok(())
}

impl<'p> Programs<'p> {
    /// # Errors
    /// [`Io`](Kind::Io); a period that the protocol does not fit.
    pub fn new(prepared: &'p Prepared<'p>, ids: &'p SplitIds) -> Result<Self> {
        let scratch = ScratchFolder::new(&prepared.job.cache.runs().join("programs"))?;
        let judge = ListJudge::new(prepared, ids.clone())?;
        Ok(Self { prepared, ids, scratch, judge, exported: Vec::new(), known: Vec::new() })
    }

    /// Runs the program of a trial at a seed, and judges its lists.
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing): the machine has not the program, or not in the version of the spec; [`Data`](Kind::Data): it
    /// fails, takes too long or writes no lists that count; [`Interrupted`](Kind::Interrupted); [`Io`](Kind::Io).
    pub fn run(&mut self, run: &Run<'p>, program: &ExternalProgram) -> Result<Record> {
        let observer = self.prepared.job.observer;
        let watch = Watch {
            interrupted: &|| observer.interrupted(),
            says: &|line, elapsed| observer.program_says(line, elapsed, program.timeout),
            note: &|text| observer.note(text),
        };
        let at = || Place::file(&self.prepared.job.spec.file).key(format!("trial.{}", run.trial.id));
        if !self.known.contains(&&*run.trial.id) {
            program.check_version(&watch).map_err(|error| error.or_at(at()))?;
            self.known.push(&run.trial.id);
        }
        let root = std::path::absolute(self.scratch.path()).unwrap_or_else(|_| self.scratch.path());
        let split = root.join(program.export.name());
        if !self.exported.contains(&program.export) {
            let Prepared { job, data, .. } = self.prepared;
            let source = Source { spec: job.spec, manifest: job.manifest, data, ids: self.ids };
            export(source, program.export, &split)?;
            self.exported.push(program.export);
        }
        let lists = root.join(format!("{}-{}.lists", run.trial.id, run.seed));
        let environment =
            Environment { split, seed: run.seed, lists: lists.clone(), threads: rayon::current_num_threads() };
        let started = jiff::Timestamp::now();
        let cost = program.run(&environment, &watch).map_err(|error| error.or_at(at()))?;
        let ran = ProgramRun { command: program.command.clone(), cpu_seconds: cost.cpu.map(|cpu| cpu.as_secs_f64()) };
        let brought = Brought { by: Some(program.version.prints.clone()), started, ran: Some((ran, cost)) };
        let record = self.judge.record(run, &lists, brought);
        let _ = std::fs::remove_file(&lists);
        record.map_err(|error| error.hint(format!("`{}` wrote these lists, which are not kept", program.shown())))
    }
}
