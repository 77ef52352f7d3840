//! The texts.

use super::*;
use crate::drift::format::{github, json, junit, lines, table};
use crate::error::{Error, Kind, Place};

/// One that drifted in one metric and has a run too few, and one that could not be looked at.
fn suites() -> Vec<Suite> {
    let before = world(&[("pop", &[0.5; 2]), ("student", &[0.1, 0.2]), ("teacher", &[0.5, 0.6])]);
    let mut today = before.clone().edit("student", 1, |record| *record.metrics.get_mut("hr@5").unwrap() = 0.25);
    today.records.iter_mut().for_each(|record| record.label = format!("{} <&\"100%\">,\n", record.trial));
    today.records.retain(|record| record.trial != "teacher" || record.seed == 0);
    let (spec, profile) = ("de-rrd/citeulike".to_string(), "paper".to_string());
    let error = Error::new(Kind::Data, "a baseline cannot be read").at(Place::file("a.json").line(3)).got("half & all");
    vec![
        Suite { spec, profile, found: Ok(judge(&before.baseline(), &today.today())) },
        Suite { spec: "quick".into(), profile: "base".into(), found: Err(error) },
    ]
}

fn fine() -> Vec<Suite> {
    let world = world(&[("pop", &[0.5; 2])]);
    let found = Ok(judge(&world.baseline(), &world.today()));
    vec![Suite { spec: "quick".into(), profile: "base".into(), found }]
}

#[test]
fn text_has_a_row_for_what_moved_and_a_line_for_each_spec() {
    let [first, second] = &suites()[..] else { unreachable!() };
    let table = table(first).unwrap();
    assert_eq!(table.title, "de-rrd/citeulike (paper)");
    let why = "other bytes at seed 1; seed 1: 0.2 → 0.25";
    let none = "–";
    assert_eq!(
        table.rows,
        [
            ["student", "hr@5", "0.150000", "0.175000", "+0.025000", "+0.35", "drift", why],
            ["teacher", "runs", none, none, none, none, "could not judge", "seed 1: there is no record of it today"],
        ]
    );
    assert!(super::super::format::table(second).is_none());
    assert_eq!(
        lines(&suites()),
        "de-rrd/citeulike (paper): drift; drifted: student; not judged: teacher; 5 runs compared in 3 trials; \
         wall time 1.00 of the baseline's (12.5 s, was 12.5 s)\n\
         quick (base): could not judge: a baseline cannot be read\n\
         verdict: drift"
    );
    assert!(super::super::format::table(&fine()[0]).is_none());
    assert!(lines(&fine()).ends_with("verdict: fine"));
}

#[test]
fn json_has_everything_with_all_digits() {
    let page: serde_json::Value = serde_json::from_str(&json(&suites())).unwrap();
    assert_eq!((&page["format"], &page["verdict"]), (&1.into(), &"drift".into()));
    let [first, second] = &page["specs"].as_array().unwrap()[..] else { panic!("{page}") };
    assert_eq!((&first["spec"], &first["profile"]), (&"de-rrd/citeulike".into(), &"paper".into()));
    assert_eq!(first["accepted"]["reason"], "the first");
    let student = &first["trials"][1];
    assert_eq!((&student["id"], &student["exact"], &student["seeds"][1]), (&"student".into(), &true.into(), &1.into()));
    let case = &student["cases"][1];
    assert_eq!((&case["name"], &case["verdict"]), (&"hr@5".into(), &"drift".into()));
    assert_eq!(case["values"]["baseline"].as_f64(), Some(0.150_000_000_000_000_02));
    assert_eq!(first["trials"][2]["cases"][0]["verdict"], "could-not-judge");
    assert_eq!(second["verdict"], "could-not-judge");
    assert!(second["error"].as_str().unwrap().contains("a.json:3"), "{second}");
}

#[test]
fn junit_has_a_case_for_each_metric_and_is_xml_whatever_the_label() {
    let text = junit(&suites());
    // pop: counts and two metrics; student: the same; teacher: runs, too; then the baseline that is not there.
    for line in [
        "<testsuites name=\"reprise check\" tests=\"11\" failures=\"1\" errors=\"2\" skipped=\"0\">",
        "  <testsuite name=\"de-rrd/citeulike (paper)\" tests=\"10\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"12.500\">",
        "    <testcase classname=\"de-rrd/citeulike.paper.pop\" name=\"pop &lt;&amp;&quot;100%&quot;&gt;,&#10;: hr@5\"/>",
        "      <failure message=\"drift\" type=\"drift\">0.150000 → 0.175000 (+0.025000, +0.35 seed spreads): other bytes at \
         seed 1; seed 1: 0.2 → 0.25</failure>",
        "      <error message=\"could not judge\" type=\"could not judge\">seed 1: there is no record of it today</error>",
        "      <error message=\"a baseline cannot be read\" type=\"could not judge\">a baseline cannot be read&#10;  where:    \
         a.json:3&#10;  got:      half &amp; all</error>",
    ] {
        assert!(text.lines().any(|got| got == line), "{line}\nis not in\n{text}");
    }
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") && text.ends_with("</testsuites>"));
    let control = Suite { spec: "a\u{0}\u{1b}[1m\t".into(), ..suites().remove(1) };
    assert!(junit(&[control]).contains("name=\"a\u{fffd}\u{fffd}[1m&#9; (base)\""));
    assert!(junit(&fine()).contains("tests=\"3\" failures=\"0\" errors=\"0\""));
}

#[test]
fn github_gets_one_escaped_command_a_line() {
    let text = github(&suites());
    let commands: Vec<_> = text.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(
        commands,
        [
            "::error title=de-rrd/citeulike (paper)%2C student <&\"100%25\">%2C%0A%3A hr@5 drift::0.150000 → 0.175000 \
             (+0.025000, +0.35 seed spreads): other bytes at seed 1; seed 1: 0.2 → 0.25",
            // The label is that of the other seed.
            "::warning title=de-rrd/citeulike (paper)%2C teacher <&\"100%25\">%2C%0A%3A runs could not judge::seed 1: there \
             is no record of it today",
            "::warning title=quick (base)::a baseline cannot be read%0A  where:    a.json:3%0A  got:      half & all",
        ]
    );
    assert!(text.ends_with("verdict: drift"));
    assert!(github(&fine()).lines().all(|line| !line.starts_with("::")));
}
