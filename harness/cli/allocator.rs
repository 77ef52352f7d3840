//! What must be set before the first tensor: threads and the allocator's thresholds.

use harness::error::{Error, Kind, Result};

/// glibc gives blocks above this straight to the kernel, and clearing them again at the next step
/// took more time than the arithmetic (candle allocates for every operation). 32 MiB is the most
/// that glibc accepts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MMAP_THRESHOLD: libc::c_int = 32 << 20;

/// Free memory kept at the top of the heap instead of being returned.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TRIM_THRESHOLD: libc::c_int = 64 << 20;

/// Sets the number of threads (none: all that this process may use) and keeps large buffers.
/// Must be the first thing that `main` does after reading its arguments.
#[expect(unsafe_code, reason = "no safe way to set the environment or the allocator")]
pub fn set_up(threads: Option<usize>) -> Result<()> {
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    // candle reads /proc/cpuinfo at every matrix product while this is unset.
    // SAFETY: no other thread exists yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt has no preconditions; a refused value changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        // This thread is one of them, so that it works on what it shares out and does not sleep until it is done. No other
        // thread may use rayon: with one thread nobody would do its work until this one does.
        .use_current_thread()
        .build_global()
        .map_err(|e| Error::new(Kind::Internal, "cannot start the threads").got(e.to_string()))
}
