//! Rows of data files, in every way that a manifest can have them read, and the rules that cut what was read.
//!
//! The first two bytes choose the layout; the rest is the file.

#![no_main]

use std::fs;
use std::num::NonZeroUsize;

use harness::data::{Cache, DatasetCounts, Manifest, load};
use harness::error::Result;
use harness::split::periods::Catalogue;
use harness::split::{
    AtLeast, Cut, LONGEST_HISTORY, Labelling, Negatives, Positives, SequenceUnit, Sizes, Slicing, SplitPhase, SplitRule,
    TestInput, Ties,
};
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, folder};
use sha2::{Digest as _, Sha256};

const SEPARATORS: [&str; 5] = ["blanks", "tab", "comma", "semicolon", "double-colon"];

const QUOTED: [&str; 3] = ["", "quoted = true", "quoted = false"];

const TABLES: [&str; 10] = [
    r#"columns = ["user", "item"]"#,
    "columns = [\"user\", \"item\", \"value\", \"time\"]\ntime = \"seconds\"",
    "columns = [\"time\", \"skip\", \"item\", \"user\"]\ntime = \"milliseconds\"",
    "columns = [\"item\", \"user\", \"time\"]\ntime = \"order\"",
    "columns = [\"user\", \"time\", \"item\"]\ntime = \"nanoseconds\"",
    r#"columns = ["user", "iso-time", "item"]"#,
    r#"columns = ["user", "item", "value"]"#,
    "columns = [\"user\", \"item\", \"label\"]\nlabels = { view = 1, cart = 2 }",
    "columns = [\"category\", \"user\", \"item\"]\ncategory-separator = \"|\"",
    "columns = [\"user\", \"item\", \"time\"]\ntime = { month-day = 2014 }",
];

const LISTS: [&str; 6] = [
    r#"leading = ["user"]"#,
    "leading = [\"user\"]\nempty-lists = true",
    r#"leading = ["user", "count"]"#,
    r#"leading = ["count"]"#,
    r#"leading = []"#,
    "leading = [\"skip\"]\nempty-lists = true",
];

/// The number of the choice among `n`, which is taken off `number`.
fn choose(number: &mut usize, n: usize) -> usize {
    let choice = *number % n;
    *number /= n;
    choice
}

fn manifest(number: u16, content: &[u8]) -> Result<Manifest> {
    let mut number = usize::from(number);
    let separator = SEPARATORS[choose(&mut number, SEPARATORS.len())];
    let form = choose(&mut number, TABLES.len() + LISTS.len());
    let header = ["", "header = \"user,item\""][choose(&mut number, 2)];
    let items = ["ids = \"map\"", "ids = \"dense\"\ntable = 100", "ids = \"dense\"\nfirst = 1\ntable = 100"];
    let items = items[choose(&mut number, items.len())];
    let gzip = choose(&mut number, 2) == 1;
    let quoted = QUOTED[choose(&mut number, QUOTED.len())];
    let (layout, users) = match form.checked_sub(TABLES.len()) {
        None => (format!("form = \"table\"\n{}\n{quoted}", TABLES[form]), "map"),
        Some(list) => (format!("form = \"lists\"\n{}", LISTS[list]), if list < 3 { "map" } else { "line" }),
    };
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!(
        r#"
id = "fuzz"
title = ""
serves = ""
citation = ""
homepage = ""
licence = {{ name = "", terms = "", redistributable = false }}

[users]
ids = "{users}"

[items]
{items}

[layout]
separator = "{separator}"
{header}
{layout}

[[file]]
name = "rows"
part = "period-0"
bytes = {}
sha256 = "{digest}"
gzip = {gzip}
instructions = "none"
"#,
        content.len()
    );
    Manifest::parse(&text, "fuzz.toml".as_ref())
}

fn drawn() -> Labelling {
    let negatives = Some(Negatives { each: 2, seed: 1 });
    Labelling { positives: Positives::All, negatives, history: LONGEST_HISTORY, expect: Sizes::default() }
}

fuzz_target!(|input: (u16, &[u8])| {
    let (number, content) = input;
    // Quotes between blanks, for one, cannot be asked for.
    let Some(manifest) = accepted(manifest(number, content)) else { return };
    let cache = Cache::new(folder());
    let file = cache.file("fuzz", "rows");
    fs::create_dir_all(cache.dataset("fuzz"))
        .and_then(|()| fs::write(&file, content))
        .expect("the input can be written");
    let Some(dataset) = accepted(load(&manifest, &cache)) else { return };
    let counts = DatasetCounts::of(&dataset);
    assert!(counts.users <= dataset.n_users && counts.items <= dataset.n_items);
    let events = || dataset.parts.iter().flat_map(|part| &part.interactions);
    assert!(events().all(|event| (event.user as usize) < dataset.n_users && (event.item as usize) < dataset.n_items));
    assert_eq!(dataset.digest(), load(&manifest, &cache).expect("the same bytes are read alike").digest());

    let one = NonZeroUsize::MIN;
    for ties in [Ties::FileOrder, Ties::Item, Ties::Refuse] {
        for rule in [
            SplitRule::LeaveLastOut { core: 2 },
            SplitRule::LeaveRandomOut { least: 2, seed: 1 },
            SplitRule::SeventyTenTwenty { core: 0, phase: SplitPhase::Tune },
            SplitRule::SeventyTenTwenty { core: 2, phase: SplitPhase::Report },
            SplitRule::Pieces(Slicing {
                sequences: SequenceUnit::Users,
                at_least: vec![AtLeast::Items(one), AtLeast::Users(one)],
                length: 4,
                shortest: 3,
                test_input: TestInput::WithValidation,
            }),
            SplitRule::PeriodsByTime {
                days: one,
                first: one,
                least: 1,
                last: one,
                pretrained: None,
                tested_from: None,
                catalogue: Catalogue::Full,
            },
            SplitRule::PeriodsByTime {
                days: one,
                first: one,
                least: 2,
                last: one,
                pretrained: None,
                tested_from: None,
                catalogue: Catalogue::Growing,
            },
            SplitRule::PeriodsByCount { last: one, pretrained: None, tested_from: None, samples: drawn() },
            SplitRule::PeriodsByCount {
                last: one,
                pretrained: None,
                tested_from: None,
                samples: Labelling { positives: Positives::RatingsAtLeast(1.0), negatives: None, ..drawn() },
            },
        ] {
            match accepted(rule.apply(&dataset, ties)).map(|applied| applied.cut) {
                Some(Cut::Split(split)) => {
                    assert!(split.train.pairs().all(|(_, item)| (item as usize) < split.n_items));
                }
                Some(Cut::Pieces(pieces)) => {
                    assert!(pieces.split.train.pairs().all(|(_, item)| (item as usize) < pieces.split.n_items));
                    assert_eq!(pieces.split.n_users, pieces.owners.of_askers().len());
                }
                Some(Cut::Periods(periods)) => {
                    let samples = periods.samples(0..2).into_iter().flat_map(|samples| samples.iter());
                    for sample in samples {
                        assert!((sample.user as usize) < periods.n_users() && sample.history.len() <= LONGEST_HISTORY);
                        let mut items = sample.history.iter().chain([&sample.item]);
                        assert!(items.all(|&item| (item as usize) < periods.n_items()));
                    }
                }
                None => {}
            }
        }
    }
});
