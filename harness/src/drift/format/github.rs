//! Judgements for GitHub Actions: workflow commands, which it shows as annotations of the run.

use super::super::{DriftVerdict, Suite};
use super::cases::{cases, sentence};
use super::text::lines;

/// An error for each drift, a warning for each case that could not be judged, then the lines of the text format.
pub fn github(suites: &[Suite]) -> String {
    let mut text = String::new();
    for suite in suites {
        match &suite.found {
            Err(error) => text += &command("warning", &suite.name(), &error.to_string()),
            Ok(judgement) => {
                for (trial, case) in cases(judgement) {
                    let level = match case.verdict {
                        DriftVerdict::Fine => continue,
                        DriftVerdict::CouldNotJudge => "warning",
                        DriftVerdict::Drift => "error",
                    };
                    let title = format!("{}, {}: {} {}", suite.name(), trial.label, case.name, case.verdict);
                    text += &command(level, &title, &sentence(case));
                }
            }
        }
    }
    text + &lines(suites)
}

/// As GitHub documents it under “workflow commands”: `%`, CR and LF escaped, in a property `:` and `,` too.
fn command(level: &str, title: &str, message: &str) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = escaped(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}\n", escaped(message))
}
