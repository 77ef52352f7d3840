//! `reprise plan`: the runs that are missing, and a script that starts each as a process of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::data::fetch;
use harness::error::{Error, Kind, Place, Result};
use harness::file::write_by_rename;
use harness::plan::{MARKS, Plan, PlannedRun, Processes, ScriptForm, SpecToPlan, scripts};
use harness::record::{Record, Records, Stored as _};
use harness::run::expected;
use harness::spec::Spec;

use super::report::{checked, data_digest};
use crate::home::Home;
use crate::places::Places;
use crate::progress::{clock, interrupted};
use crate::terminal::{print, talk};
use crate::values::parse_threads;

#[derive(clap::Args)]
pub struct PlanArgs {
    /// Names of specs (see `reprise list`)
    #[arg(required = true, value_name = "SPEC")]
    pub specs: Vec<String>,
    /// Profile of the specs [default: `paper` for a paper's spec, else `base`]
    #[arg(long)]
    pub profile: Option<String>,
    /// What is written: the plan alone, or a script, too
    #[arg(long, value_enum, default_value_t = PlanForm::Json)]
    pub format: PlanForm,
    /// Folder to write the plan and the script into
    #[arg(long, value_name = "DIR", default_value = "reprise-plan")]
    pub to: PathBuf,
    /// Threads of each run
    #[arg(long, value_parser = parse_threads, default_value = "1")]
    pub threads: usize,
    /// Print what all of it takes, and write nothing
    #[arg(long)]
    pub estimate: bool,
    #[command(flatten)]
    pub places: Places,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PlanForm {
    /// The plan alone
    Json,
    /// A shell script: one run after the other
    Sh,
    /// Slurm: an array job for each trial, students after their teachers
    Slurm,
    /// Snakemake: a rule for each trial
    Snakemake,
}

impl PlanForm {
    /// The script beside the plan.
    pub fn script(self) -> Option<ScriptForm> {
        match self {
            Self::Json => None,
            Self::Sh => Some(ScriptForm::Sh),
            Self::Slurm => Some(ScriptForm::Slurm),
            Self::Snakemake => Some(ScriptForm::Snakemake),
        }
    }
}

pub fn run(args: &PlanArgs) -> Result<()> {
    let home = Home::find(&args.places)?;
    let (mut found, mut files, mut is_all) = (Vec::new(), BTreeSet::new(), true);
    for argument in &args.specs {
        let spec = home.spec(argument, args.profile.as_deref())?;
        if spec.outside {
            return Err(Error::new(Kind::Input, format!("`{}` stands outside of the repository", spec.id))
                .at(Place::file(&spec.file))
                .expected("a spec of the repository, which every node finds by its id")
                .hint("put it and its manifest into a checkout on a folder that all nodes share, and name that: `--home DIR`"));
        }
        if !files.insert(spec.file.clone()) {
            continue;
        }
        let of_others = spec.trials.iter().filter(|trial| trial.trainer.method().is_none()).map(|trial| &*trial.id);
        let of_others: Vec<&str> = of_others.collect();
        if !of_others.is_empty() {
            is_all = false;
            talk(&format!("left out of {}: {}, whose lists other programs make", spec.id, of_others.join(", ")));
        }
        let manifest = home.manifest(&spec)?;
        if manifest.prepared.is_none() {
            fetch(&manifest, &home.cache, home.mirror.as_deref(), &interrupted, &mut super::data::tell)?;
        }
        let today = expected(&spec, data_digest(&home, &manifest)?);
        let checked = checked(&home, &spec, &manifest)?;
        let records = costs(&home, &spec)?;
        found.push((spec, today, checked, records));
    }
    let cache = &home.cache;
    let specs =
        found.iter().map(|(spec, expected, checked, records)| SpecToPlan { spec, cache, expected, checked, records });
    let plan = Plan::of(&specs.collect::<Vec<_>>(), args.threads);
    talk(&estimate(&plan, found.iter().map(|(spec, ..)| spec)));
    if args.estimate { Ok(()) } else { write(args, &home, &plan, is_all) }
}

/// Records that tell what the runs of a spec take: those that are here and, of another folder of results, the repository's, too.
fn costs(home: &Home, spec: &Spec) -> Result<Vec<Record>> {
    let here = home.results_of(spec);
    let ours = home.root().join("results").join(home.folder_of(&spec.file, &spec.id));
    let mut records = Vec::new();
    for folder in [Some(&here), Some(&ours).filter(|ours| **ours != here)].into_iter().flatten() {
        records.extend(Records::read(&folder.join(&spec.profile))?.into_records());
    }
    Ok(records)
}

/// A sentence for people.
fn estimate<'s>(plan: &Plan, specs: impl Iterator<Item = &'s Spec>) -> String {
    let all: usize = specs.map(|spec| spec.trials.len() * spec.seeds.len()).sum();
    let (total, chain) = plan.seconds();
    let guessed = plan.runs.iter().filter(|run| run.needs.from.starts_with("a guess")).count();
    let guessed = if guessed == 0 { String::new() } else { format!("; {guessed} of them are guessed") };
    let clock = |seconds: f64| clock(Duration::from_secs_f64(seconds));
    format!(
        "{} of {all} runs are missing: {} one after the other by the records of such runs{guessed}; {} at least, since students \
         follow their teachers",
        plan.runs.len(),
        clock(total),
        clock(chain),
    )
}

fn write(args: &PlanArgs, home: &Home, plan: &Plan, is_all: bool) -> Result<()> {
    let file = args.to.join(plan.file_name()?);
    plan.write(&file)?;
    talk(&format!("plan:    {}", file.display()));
    let Some(form) = args.format.script() else { return Ok(()) };
    if plan.runs.is_empty() {
        talk("nothing is missing, so there is no script");
        return Ok(());
    }
    let program = std::env::current_exe()
        .map_err(|error| Error::new(Kind::Io, "the program's own file cannot be told").got(error.to_string()))?;
    let (program, options) = (shell_word(&absolute(&program)?), folders(home)?);
    let processes = Processes { program: &program, options: &options, threads: args.threads, is_all };
    for script in scripts(plan, form, processes)? {
        let file = args.to.join(script.name);
        write_by_rename(&file, script.text.as_bytes())?;
        if script.executable {
            executable(&file)?;
        }
        talk(&format!("script:  {}", file.display()));
    }
    let to = shell_word(&args.to.display().to_string());
    print(&match form {
        ScriptForm::Sh => format!("{to}/run.sh"),
        ScriptForm::Slurm => format!("{to}/submit.sh"),
        ScriptForm::Snakemake => {
            forget_marks(&args.to.join(MARKS))?;
            format!("snakemake --snakefile {to}/Snakefile --directory {to} --cores all")
        }
    });
    Ok(())
}

/// Removes the marks of an earlier plan: its runs may be gone.
fn forget_marks(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("marks of an earlier plan cannot be removed", folder, &error))
        }
        _ => Ok(()),
    }
}

/// The options that name the folders of this command, for a shell: every process must use the same.
fn folders(home: &Home) -> Result<String> {
    let mut options = vec![
        ("--home", home.root().to_path_buf()),
        ("--cache", home.cache.root().to_path_buf()),
        ("--results", home.results()),
    ];
    options.extend(home.mirror.clone().map(|mirror| ("--mirror", mirror)));
    let words = options.into_iter().map(|(option, folder)| Ok(format!("{option} {}", shell_word(&absolute(&folder)?))));
    Ok(words.collect::<Result<Vec<_>>>()?.join(" "))
}

/// The path from the root, as text; the folder need not exist yet.
fn absolute(path: &Path) -> Result<String> {
    let failed = |what: &str, got: String| Error::new(Kind::Input, what).at(Place::file(path)).got(got);
    let path: PathBuf = std::path::absolute(path)
        .map_err(|error| failed("a folder of the plan cannot be told", error.to_string()))?
        .components()
        .collect();
    let text = path.to_str().ok_or_else(|| failed("a script cannot name this folder", "no UTF-8".into()))?;
    Ok(text.to_string())
}

/// Text as one word of a shell.
fn shell_word(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(unix)]
fn executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| Error::io("a script cannot be made executable", file, &error);
    let mut mode = std::fs::metadata(file).map_err(failed)?.permissions();
    mode.set_mode(mode.mode() | 0o111 & mode.mode() >> 2);
    std::fs::set_permissions(file, mode).map_err(failed)
}

#[cfg(not(unix))]
fn executable(_: &Path) -> Result<()> {
    Ok(())
}

/// The run of a plan's file with an index.
pub fn planned(file: &Path, index: usize) -> Result<PlannedRun> {
    let plan = Plan::read(file)?;
    plan.run(index).cloned().map_err(|error| error.at(Place::file(file)))
}
