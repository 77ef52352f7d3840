//! The models that a generator reads, and which of their coordinates share weights.

use crate::models::embedding_mlp::{EmbeddingMlpSizes, EmbeddingMlpTensors, LAYER_NAMES};

/// The coordinates of one tensor of the base model, `[columns, rows]`: of a table the dimensions and its rows; a layer's
/// tensor is one column. The rows of a table share the weights of a column, and each coordinate of a layer has its own
/// (code): the paper says no more than that the generator works by coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coordinates {
    pub name: &'static str,
    pub columns: usize,
    pub rows: usize,
    /// Whether it is a table.
    pub shared: bool,
}

impl Coordinates {
    /// Those of each tensor, in the order of the model's layout.
    pub fn of(sizes: &EmbeddingMlpSizes) -> Vec<Self> {
        let table = |name, rows| Self { name, columns: sizes.dim, rows, shared: true };
        let tables = [table("user", sizes.users), table("item", sizes.items)];
        let category = sizes.categories.map(|rows| table("category", rows));
        let layers = LAYER_NAMES.into_iter().zip(sizes.layer_shapes());
        let layers = layers.map(|(name, shape)| Self { name, columns: 1, rows: shape.iter().product(), shared: false });
        tables.into_iter().chain(category).chain(layers).collect()
    }

    /// Number of weight sets.
    pub fn sets(&self) -> usize {
        if self.shared { self.columns } else { self.rows }
    }

    /// The weight set of a coordinate.
    pub fn set(&self, column: usize, row: usize) -> usize {
        if self.shared { column } else { row }
    }
}

/// Something for each tensor as a list, in the order of the model's layout.
pub fn list<T>(tensors: EmbeddingMlpTensors<T>, sizes: &EmbeddingMlpSizes) -> Vec<T> {
    let EmbeddingMlpTensors { user, item, category, layers } = tensors;
    [user, item].into_iter().chain(sizes.categories.map(|_| category)).chain(layers).collect()
}

/// The base model of a past period.
#[derive(Clone, Debug, PartialEq)]
pub struct PastModel {
    /// The period that it was tested on.
    pub period: usize,
    /// By tensor: its [`Coordinates`], column after column.
    pub tensors: Vec<Vec<f32>>,
}

impl PastModel {
    /// The model with these tensors, which are row-major as in the model's layout.
    pub fn new<'v>(period: usize, coordinates: &[Coordinates], tensors: impl IntoIterator<Item = &'v [f32]>) -> Self {
        let by_column = |(tensor, values): (&Coordinates, &[f32])| turned(values, tensor.rows, tensor.columns);
        Self { period, tensors: coordinates.iter().zip(tensors).map(by_column).collect() }
    }
}

/// `[rows, columns]` → `[columns, rows]`.
pub fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    assert_eq!(values.len(), rows * columns, "a matrix");
    (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_by_column_and_layers_as_they_are() {
        let sizes = EmbeddingMlpSizes { users: 3, items: 1, categories: None, dim: 2, hidden: [3, 1] };
        let coordinates = Coordinates::of(&sizes);
        assert_eq!(coordinates.iter().map(Coordinates::sets).collect::<Vec<_>>(), [2, 2, 18, 3, 3, 1, 1, 1]);
        assert_eq!((coordinates[0].set(1, 2), coordinates[2].set(0, 17)), (1, 17));
        let kernel: Vec<f32> = (0..18).map(|v| v as f32).collect();
        let model = PastModel::new(11, &coordinates[..3], [&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0][..], &[6.0, 7.0], &kernel]);
        assert_eq!(model.tensors, [vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0], vec![6.0, 7.0], kernel]);
        let with = EmbeddingMlpSizes { categories: Some(4), ..sizes };
        assert_eq!(Coordinates::of(&with)[2], Coordinates { name: "category", columns: 2, rows: 4, shared: true });
        let tensors = EmbeddingMlpTensors { user: 0, item: 1, category: 9, layers: [2, 3, 4, 5, 6, 7] };
        assert_eq!(list(tensors, &sizes), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(list(tensors, &with), [0, 1, 9, 2, 3, 4, 5, 6, 7]);
    }
}
