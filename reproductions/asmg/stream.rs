//! The stream that the methods of this paper learn from.

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::split::periods::Periods;
use harness::train::Task;

use super::strategy::no_samples;

/// The stream of labelled samples of a task. `method` names the method in messages, and `batch` is the largest number of samples
/// of one of its steps.
///
/// # Errors
/// [`Missing`](Kind::Missing) for another device than the CPU; [`Input`](Kind::Input) if the stream is not of samples, or a
/// period has fewer than a batch.
pub fn labelled_stream<'p>(method: &str, task: &'p Task, device: &Device, batch: usize) -> Result<&'p Periods> {
    let periods = task.periods().ok_or_else(|| Error::new(Kind::Internal, format!("{method} learns from periods")))?;
    if !device.is_cpu() {
        return Err(Error::new(Kind::Missing, format!("{method} trains on the CPU alone"))
            .expected("`--device cpu`")
            .hint("its step is written by hand for the CPU; there is none for CUDA yet"));
    }
    for number in 0..=periods.last() {
        let Some(samples) = periods.samples(number..number + 1) else {
            return Err(no_samples());
        };
        if samples.len() < batch {
            return Err(Error::new(Kind::Input, format!("`batch` is larger than period {number}"))
                .expected(format!("at most its {} samples", samples.len()))
                .got(batch.to_string())
                .hint("use a smaller `batch`, or fewer periods"));
        }
    }
    Ok(periods)
}
