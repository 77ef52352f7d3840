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
            for (column, value) in table.columns.iter().zip(&row.values) {
                let cell = published.cell(table, &row.name, column).expect("a cell is found by its row and column");
                assert_eq!(cell.map(f64::to_bits), value.map(f64::to_bits));
            }
        }
    }
});
