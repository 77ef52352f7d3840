use super::*;
use crate::compare::matched::tests::{comparison, of_weeks};
use crate::compare::published::tests::small;
use crate::compare::{Scope, TableKind};
use crate::kit::{sample, sample_of_periods};
use crate::record::Record;
use crate::spec::{Columns, Comparison};

/// Runs of a trial with these values of `hr@5`, by seed.
pub(in crate::compare) fn runs_of(trial: &str, values: &[(u64, f64)]) -> Vec<Record> {
    let run =
        |(seed, value): &(u64, f64)| Record { metrics: [("hr@5".to_string(), *value)].into(), ..sample(trial, *seed) };
    values.iter().map(run).collect()
}

fn records() -> Vec<Record> {
    let teacher = runs_of("teacher", &[(0, 0.49), (1, 0.5), (2, 0.51)]);
    teacher.into_iter().chain(runs_of("student", &[(0, 0.3), (1, 0.3), (2, 0.3)])).collect()
}

#[test]
fn by_hand() {
    let (comparison, records) = (comparison(), records());
    let matched = Matched::new(&comparison, &small()).unwrap();
    let cells = cells(&matched, &Measurements::of_runs(&records));
    assert_eq!(cells.len(), 2);
    let teacher = &cells[0];
    assert_eq!((teacher.row.name, &*teacher.column.name, teacher.published), ("Teacher", "H@5", 0.52));
    let ours = teacher.ours.unwrap();
    assert!((ours.mean - 0.5).abs() < 1e-12 && (ours.sd.unwrap() - 0.01).abs() < 1e-12);
    assert!((teacher.difference.unwrap() + 0.02).abs() < 1e-12);
    assert!((teacher.relative.unwrap() + 0.02 / 0.52).abs() < 1e-12);
    assert!((teacher.interval.unwrap().high - 0.549_683).abs() < 1e-6);
    assert_eq!(teacher.agreement, Agreement::Matches);
    // 0.3 against 0.25 ± 0.005.
    assert_eq!(cells[1].agreement, Agreement::Differs);
}

#[test]
fn without_runs_nothing_is_judged() {
    let comparison = comparison();
    let matched = Matched::new(&comparison, &small()).unwrap();
    let cells = cells(&matched, &Measurements::of_runs(&[]));
    assert_eq!((cells[0].ours, cells[0].difference, cells[0].agreement), (None, None, Agreement::TooFewSeeds));
}

#[test]
fn other_data_and_a_later_papers_figures_are_not_judged() {
    let (plain, records) = (comparison(), records());
    let other_data = Comparison { not_comparable: Some("other data".into()), ..comparison() };
    let mut of_follow_up = small();
    of_follow_up.tables[0].kind = TableKind::FollowUp;
    for (comparison, published) in [(&other_data, &small()), (&plain, &of_follow_up)] {
        let matched = Matched::new(comparison, published).unwrap();
        let cells = cells(&matched, &Measurements::of_runs(&records));
        let judged = |cell: &Cell| cell.agreement != Agreement::NotComparable || cell.difference.is_none();
        assert!(!cells.is_empty() && !cells.iter().any(judged), "{cells:?}");
    }
}

#[test]
fn figures_in_per_cent_are_divided_once() {
    let percent = Comparison {
        table: "weeks".into(),
        percent: true,
        decimals: 1,
        columns: Columns::Measures(vec![("week_2".into(), crate::compare::matched::tests::hr5())]),
        rows: vec![("Teacher".into(), "teacher".into())],
        ..comparison()
    };
    let records = records();
    let matched = Matched::new(&percent, &small()).unwrap();
    // 0.52 lies within 0.5 ± 0.049683.
    let cells = cells(&matched, &Measurements::of_runs(&records));
    assert_eq!((cells[0].published, cells[0].agreement), (0.52, Agreement::Matches));
    assert!((cells[0].difference.unwrap() + 0.02).abs() < 1e-12);
}

#[test]
fn each_tested_period_and_their_mean_have_a_cell() {
    // 1 and 0 in the two periods, whatever the seed.
    let records: Vec<_> = (0..3).map(|seed| sample_of_periods("teacher", seed)).collect();
    let weeks = of_weeks();
    let matched = Matched::new(&weeks, &small()).unwrap();
    let cells = cells(&matched, &Measurements::of_runs(&records));
    let teacher: Vec<_> = cells
        .iter()
        .filter(|cell| cell.row.name == "Teacher")
        .map(|cell| (cell.column.scope, cell.published, cell.ours.unwrap().mean, cell.agreement))
        .collect();
    assert_eq!(
        teacher,
        [
            (Scope::Mean(2), 0.51, 0.5, Agreement::Close),
            (Scope::Period(1), 0.5, 1.0, Agreement::Differs),
            (Scope::Period(2), 0.52, 0.0, Agreement::Differs),
        ]
    );
    // Of the student a week was left empty, and so was the mean.
    let student: Vec<_> = cells.iter().filter(|cell| cell.row.name == "Student").collect();
    assert_eq!(student.len(), 1);
    assert_eq!((student[0].ours, student[0].agreement), (None, Agreement::TooFewSeeds));
}
