//! Judgements as JUnit XML: a suite for each spec and profile, a test case for each trial and metric.

use super::super::{Case, DriftVerdict, JudgedTrial, Suite};
use super::cases::{cases, sentence};

/// One `<testcase>`.
struct Test {
    class: String,
    name: String,
    verdict: DriftVerdict,
    /// The reason in a few words.
    message: String,
    /// The reason in full.
    detail: String,
}

/// All suites as one JUnit XML document.
pub fn junit(suites: &[Suite]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<(&Suite, Vec<Test>)> = suites.iter().map(|suite| (suite, tests(suite))).collect();
    let counts = counts(all.iter().flat_map(|(_, tests)| tests));
    text += &format!("<testsuites name=\"reprise check\" {counts}>\n");
    for (suite, tests) in &all {
        let seconds = suite.found.as_ref().map_or(0.0, |judgement| judgement.seconds().1);
        let counts = self::counts(tests);
        text += &format!("  <testsuite name=\"{}\" {counts} time=\"{seconds:.3}\">\n", escaped(&suite.name()));
        text.extend(tests.iter().map(element));
        text += "  </testsuite>\n";
    }
    text + "</testsuites>"
}

fn tests(suite: &Suite) -> Vec<Test> {
    let class = format!("{}.{}", suite.spec, suite.profile);
    match &suite.found {
        Ok(judgement) => {
            let test = |(trial, case): (&JudgedTrial, &Case)| Test {
                class: format!("{class}.{}", trial.id),
                name: format!("{}: {}", trial.label, case.name),
                verdict: case.verdict,
                message: case.verdict.to_string(),
                detail: sentence(case),
            };
            cases(judgement).map(test).collect()
        }
        Err(error) => {
            let message = error.what().lines().next().unwrap_or_default().to_string();
            let verdict = DriftVerdict::CouldNotJudge;
            vec![Test { class, name: "baseline".into(), verdict, message, detail: error.to_string() }]
        }
    }
}

fn counts<'a>(tests: impl IntoIterator<Item = &'a Test>) -> String {
    let (mut all, mut failures, mut errors) = (0, 0, 0);
    for test in tests {
        all += 1;
        failures += usize::from(test.verdict == DriftVerdict::Drift);
        errors += usize::from(test.verdict == DriftVerdict::CouldNotJudge);
    }
    format!("tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\"")
}

fn element(test: &Test) -> String {
    let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(&test.class), escaped(&test.name));
    let kind = match test.verdict {
        DriftVerdict::Fine if test.detail.is_empty() => return format!("{head}/>\n"),
        DriftVerdict::Fine => return format!("{head}><system-out>{}</system-out></testcase>\n", escaped(&test.detail)),
        DriftVerdict::CouldNotJudge => "error",
        DriftVerdict::Drift => "failure",
    };
    let [message, of, detail] = [&test.message, &test.verdict.to_string(), &test.detail].map(|text| escaped(text));
    format!("{head}>\n      <{kind} message=\"{message}\" type=\"{of}\">{detail}</{kind}>\n    </testcase>\n")
}

/// Escapes text and attributes alike. Line breaks become references, since in an attribute a parser turns them into
/// blanks; XML 1.0 allows no other control characters, not even as references.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "&#10;",
            '\r' => out += "&#13;",
            '\t' => out += "&#9;",
            c if c.is_control() && c < '\u{80}' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
