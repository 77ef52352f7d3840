//! Pieces of an epoch loop.

/// What a method receives.
pub struct Context<'a>(std::marker::PhantomData<&'a ()>);

/// What was selected on validation data.
pub struct Selected;
