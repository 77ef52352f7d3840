//! The shape of an attention layer: who sees whom, and where it stands.

/// The shape of an attention layer.
#[derive(Clone, Copy)]
pub struct AttentionShape {
    pub heads: usize,
    /// L.
    pub length: usize,
    /// C.
    pub width: usize,
    /// Whether a query sees the keys up to its own position only, or all.
    pub causal: bool,
}

impl AttentionShape {
    /// Pairs of a query and a key that it sees, of all heads.
    pub fn pairs(&self) -> usize {
        self.heads * self.before(self.length)
    }

    /// Pairs of the queries before this one, of one head.
    #[inline(always)]
    pub fn before(&self, query: usize) -> usize {
        if self.causal { query * (query + 1) / 2 } else { query * self.length }
    }

    /// Keys that a query sees: so many, the first ones.
    #[inline(always)]
    pub fn keys(&self, query: usize) -> usize {
        if self.causal { query + 1 } else { self.length }
    }

    /// Queries that see a key: those from this one on.
    #[inline(always)]
    pub fn first_query(&self, key: usize) -> usize {
        if self.causal { key } else { 0 }
    }

    pub fn columns(&self, head: usize) -> std::ops::Range<usize> {
        let width = self.width / self.heads;
        head * width..(head + 1) * width
    }

    pub fn scale(&self) -> f32 {
        (1.0 / (self.width as f64 / self.heads as f64).sqrt()) as f32
    }
}
