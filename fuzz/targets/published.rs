//! Published tables: every cell that is there can be asked for.

#![no_main]

use harness::compare::Published;
use libfuzzer_sys::fuzz_target;
use reprise_fuzz::{accepted, file};

fuzz_target!(|bytes: &[u8]| {
    let path = file("published.toml", bytes);
    let Some(published) = accepted(Published::read(&path)) else { return };
    let _ = published.name();
    for table in &published.tables {
        let same = published.table(&table.id).expect("a table is found by its id");
        assert_eq!(format!("{same:?}"), format!("{table:?}"));
        for row in &table.rows {
            let same = published.row(table, &row.name).expect("a row is found by its name");
            assert!(std::ptr::eq(same, row) && row.values.len() == table.columns.len());
        }
        for (index, column) in table.columns.iter().enumerate() {
            assert_eq!(published.column(table, column).expect("a column is found by its name"), index);
        }
    }
});
