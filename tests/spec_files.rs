//! Every spec of the repository parses and resolves in each of its profiles, with the real methods.

use std::path::Path;

use harness::spec;

/// The path is relative to the repository's root.
fn resolves(file: &Path) -> datatest_stable::Result<()> {
    if !spec::is_spec(file) {
        return Ok(());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reproductions");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let listed = spec::discover(&folder)?.into_iter().find(|listed| listed.file == file);
    let summary = listed.ok_or("the spec is not listed")?.summary?;
    let registry = reproductions::registry();
    for profile in &summary.profiles {
        let spec = spec::load(&file, Some(profile), &registry)?;
        assert_eq!(spec.profile, *profile);
        assert_eq!(spec::find(&folder, &spec.id)?, file);
    }
    Ok(())
}

/// Trials of one id on the same data, split and protocol are the same trial in every spec: what is said to
/// be one run, and is taken over as one, must be one.
fn shares_its_trials(file: &Path) -> datatest_stable::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let registry = reproductions::registry();
    let ours = match spec::is_spec(file) {
        true => spec::load(&root.join(file), None, &registry)?,
        false => return Ok(()),
    };
    for listed in spec::discover(&root.join("reproductions"))? {
        let other = spec::load(&listed.file, None, &registry)?;
        let same_base = |id: &str| {
            // NeuMF's specs use the ids of BPR's, for another base model.
            ours.trial(id).map(|t| &t.method) == other.trial(id).map(|t| &t.method)
        };
        if (&ours.dataset, &ours.split) != (&other.dataset, &other.split) || !same_base("teacher") {
            continue;
        }
        for trial in &ours.trials {
            if let Some(same) = other.trial(&trial.id) {
                assert_eq!(trial.params, same.params, "`{}` of {} and {}", trial.id, ours.id, other.id);
            }
        }
    }
    Ok(())
}

datatest_stable::harness! {
    { test = shares_its_trials, root = "reproductions", pattern = r"\.toml$" },
    { test = resolves, root = "reproductions", pattern = r"\.toml$" },
}
