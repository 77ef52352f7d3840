//! The rows of tables that a batch names, and its samples in terms of them.

use std::ops::Range;

use harness::data::ItemCategories;
use harness::split::{LabelledSample, SampleRange};

use super::sizes::EmbeddingMlpSizes;

/// Number of rows of each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub users: usize,
    pub items: usize,
    pub categories: usize,
}

/// Some samples of a batch with a loss of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPart {
    /// Numbers of its samples in the batch.
    pub samples: Range<usize>,
    /// Rows that are named up to and with this part: it names no others, so the first rows of the tables serve it.
    pub rows: RowCounts,
}

/// A batch of samples whose users, items and categories are numbered from 0 in the order in which the batch names them
/// first: sample by sample the user, the target, the history from its newest item on; the categories of an item where the
/// item is first named. Buffers are kept from batch to batch.
#[derive(Clone, Debug)]
pub struct LocalBatch {
    users: NamedRows,
    items: NamedRows,
    categories: NamedRows,
    parts: Vec<LocalPart>,
    /// By sample: row of its user.
    user: Vec<u32>,
    /// By sample: row of its target.
    target: Vec<u32>,
    /// By sample: 1 for a positive, 0 for a negative, or what was put in their place.
    labels: Vec<f32>,
    histories: Lists,
    /// By row of an item: rows of its categories.
    item_categories: Lists,
}

/// Lists of rows, one after the other.
#[derive(Clone, Debug)]
struct Lists {
    /// `[lists + 1]`
    offsets: Vec<u32>,
    rows: Vec<u32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { offsets: vec![0], rows: Vec::new() }
    }
}

impl Lists {
    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.rows.clear();
    }

    fn end(&mut self) {
        self.offsets.push(self.rows.len() as u32);
    }

    #[inline(always)]
    fn of(&self, list: usize) -> &[u32] {
        &self.rows[self.offsets[list] as usize..self.offsets[list + 1] as usize]
    }
}

/// The rows of a table that a batch names so far, numbered from 0.
#[derive(Clone, Debug)]
pub struct NamedRows {
    /// By row of the table: its number here.
    number: Vec<u32>,
    /// In the order in which they were named.
    ids: Vec<u32>,
}

/// Number of a row that is not named.
const NONE: u32 = u32::MAX;

impl NamedRows {
    /// None of a table of `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { number: vec![NONE; rows], ids: Vec::new() }
    }

    /// Forgets all names.
    pub fn clear(&mut self) {
        for &id in &self.ids {
            self.number[id as usize] = NONE;
        }
        self.ids.clear();
    }

    /// The rows, in the order in which they were named.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The number of a row, and whether it is new.
    ///
    /// # Panics
    /// If the table has no such row.
    #[inline(always)]
    pub fn name(&mut self, id: u32) -> (u32, bool) {
        let number = &mut self.number[id as usize];
        let new = *number == NONE;
        if new {
            *number = self.ids.len() as u32;
            self.ids.push(id);
        }
        (*number, new)
    }
}

impl LocalBatch {
    /// An empty batch of samples of a model with these sizes.
    pub fn new(sizes: &EmbeddingMlpSizes) -> Self {
        Self {
            users: NamedRows::new(sizes.users),
            items: NamedRows::new(sizes.items),
            categories: NamedRows::new(sizes.categories.unwrap_or(0)),
            parts: Vec::new(),
            user: Vec::new(),
            target: Vec::new(),
            labels: Vec::new(),
            histories: Lists::default(),
            item_categories: Lists::default(),
        }
    }

    /// Forgets all samples, so that the next part is the first.
    pub fn clear(&mut self) {
        let Self { users, items, categories, parts, user, target, labels, histories, item_categories } = self;
        [users, items, categories].into_iter().for_each(NamedRows::clear);
        [histories, item_categories].into_iter().for_each(Lists::clear);
        [user, target].into_iter().for_each(Vec::clear);
        labels.clear();
        parts.clear();
    }

    /// Adds the samples at these positions of a range as one more part; where only the newest part needs its rows alone, the
    /// newest comes first.
    ///
    /// # Panics
    /// If a user, an item or a category is not a row of its table, or an item has no list of categories.
    pub fn push(&mut self, samples: SampleRange<'_>, positions: &[u32], categories: Option<&ItemCategories>) {
        let start = self.target.len();
        // All of them first: positions lie far apart in memory, and reads that wait for nothing wait together.
        let samples: Vec<LabelledSample<'_>> = positions.iter().map(|&at| samples.get(at as usize)).collect();
        for sample in samples {
            let user = self.users.name(sample.user).0;
            self.user.push(user);
            let target = self.name_item(sample.item, categories);
            self.target.push(target);
            for &item in sample.history {
                let row = self.name_item(item, categories);
                self.histories.rows.push(row);
            }
            self.histories.end();
            self.labels.push(if sample.label { 1.0 } else { 0.0 });
        }
        self.parts.push(LocalPart { samples: start..self.target.len(), rows: self.rows() });
    }

    #[inline(always)]
    fn name_item(&mut self, item: u32, categories: Option<&ItemCategories>) -> u32 {
        let (row, new) = self.items.name(item);
        if new && let Some(categories) = categories {
            for &category in categories.of(item) {
                let category = self.categories.name(category).0;
                self.item_categories.rows.push(category);
            }
            self.item_categories.end();
        }
        row
    }

    /// The parts in the order in which they were pushed.
    pub fn parts(&self) -> &[LocalPart] {
        &self.parts
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.target.len()
    }

    pub fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// Rows that are named.
    pub fn rows(&self) -> RowCounts {
        RowCounts { users: self.users().len(), items: self.items().len(), categories: self.categories().len() }
    }

    /// By row here: the row of the user table.
    pub fn users(&self) -> &[u32] {
        &self.users.ids
    }

    /// By row here: the row of the item table.
    pub fn items(&self) -> &[u32] {
        &self.items.ids
    }

    /// By row here: the row of the category table.
    pub fn categories(&self) -> &[u32] {
        &self.categories.ids
    }

    /// By sample: its label, the probability of a positive.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// By sample: its label, to put another in its place. A weighted mean of losses over labels is the loss of their weighted
    /// mean, because the log-loss is linear in the label.
    pub fn labels_mut(&mut self) -> &mut [f32] {
        &mut self.labels
    }

    /// By sample: row here of its user.
    #[inline(always)]
    pub fn user(&self, sample: usize) -> u32 {
        self.user[sample]
    }

    /// By sample: row here of its target.
    #[inline(always)]
    pub fn target(&self, sample: usize) -> u32 {
        self.target[sample]
    }

    /// By sample: rows here of the items of its history, newest first.
    #[inline(always)]
    pub fn history(&self, sample: usize) -> &[u32] {
        self.histories.of(sample)
    }

    /// By row here of an item: rows here of its categories.
    ///
    /// # Panics
    /// If the items have no categories.
    #[inline(always)]
    pub fn categories_of(&self, item: usize) -> &[u32] {
        self.item_categories.of(item)
    }
}
