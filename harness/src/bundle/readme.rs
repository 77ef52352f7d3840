//! `README.md` of a bundle: what is in it, and the commands that make it again.

use std::fmt::Write as _;

use super::source::BundleSource;

/// The page as Markdown.
pub fn readme(source: &BundleSource<'_>) -> String {
    let basis = source.report.basis;
    let (spec, manifest) = (basis.spec, basis.manifest);
    let (id, profile) = (&spec.id, &spec.profile);
    let mut text = format!("# {}\n\n", spec.title);
    let mut put = |line: &str| writeln!(text, "{line}").expect("a string can grow");
    put(&format!(
        "The records of `{id}`, profile `{profile}`, and the report made from them, by Reprise. `CHECKLIST.md` answers the \
         questions of an artefact's review as far as the records do.\n"
    ));
    put("| file | is |");
    put("| --- | --- |");
    put(&format!("| `{}` | the experiment: split, protocol, trials, claims |", source.spec_file()));
    put(&format!("| `{}` | the dataset: files, digests, sources, licence |", source.manifest_file()));
    put(&format!("| `{}` | a record for every run, the report, its tables and figures |", source.folder()));
    put("| `report.html` | the report as one page |");
    put("| `bundle.json` | the SHA-256 of every file, and the program that made the bundle |");
    put("| `ro-crate-metadata.json`, `croissant.json` | the same for machines: Process Run Crate 0.5, Croissant 1.0 |");
    put("| `Cargo.lock` | the libraries of the program that made the bundle |");
    put(
        "\n## Commands\n\nIn the folder that this was unpacked into, which the program takes for its repository:\n\n```sh",
    );
    put("reprise bundle --check FILE.zip   # digests, records, report: needs no data");
    put(&format!("reprise data fetch {}", manifest.id));
    put(&format!("reprise report {id} --profile {profile}   # the report again, from the records"));
    put(&format!(
        "reprise check {id} --profile {profile} --rerun --within 30   # trains the cheapest runs again, for half an hour"
    ));
    put(&format!("reprise check {id} --profile {profile} --rerun   # trains all of our own again"));
    put("```\n");
    let of = &source.records.current;
    let mut seconds = 0.0;
    of.iter().for_each(|record| seconds += record.seconds.get("total").copied().unwrap_or(0.0));
    let of_others = of.iter().filter(|record| record.is_external()).count();
    put(&format!(
        "The {} runs took {:.2} hours one after the other, on {}. On a CPU a run of Reprise's own methods gives the same bytes, \
         whatever the processor and the number of threads.\n",
        of.len(),
        seconds / 3600.0,
        source.machines().join("; ")
    ));
    if of_others > 0 {
        put(&format!(
            "{of_others} of the records are of lists that other programs made: `check --rerun` does not train those again, and whether \
             they come out the same is for those programs to say.\n"
        ));
    }
    put(&format!("Made by Reprise {}.", source.programs().join(", ")));
    if source.names.is_some() {
        put(
            "\nThis bundle is anonymous: command lines are replaced by plain ones that make the same records, and the commits of \
             the program are left out.",
        );
    }
    text
}
