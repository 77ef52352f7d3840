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

datatest_stable::harness! {
    { test = resolves, root = "reproductions", pattern = r"\.toml$" },
}
