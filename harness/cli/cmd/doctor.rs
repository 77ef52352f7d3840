//! `reprise doctor`: what works on this machine, what is missing, and what to do about it.

use std::path::Path;

use harness::data::{FileState, status};
use harness::error::{Error, Kind, Result};
use harness::file::check_writable;
use harness::meter::Machine;
use harness::run::{ComputeDevice, DeviceChoice};
use harness::simd::{CAP, Level};
use harness::spec;

use crate::home::Home;
use crate::places::Places;
use crate::terminal::print;

pub fn run(args: &Places) -> Result<()> {
    let home = Home::find(args)?;
    let mut broken = 0;
    let mut say = |ok: bool, what: &str, detail: String| {
        broken += usize::from(!ok);
        print(&format!("{:5} {what}: {detail}", if ok { "ok" } else { "WRONG" }));
    };
    let machine = Machine::here("cpu");
    let cpu = machine.cpu.clone().unwrap_or_else(|| "unknown".into());
    say(true, "processor", format!("{cpu}, {} cores, class {}", machine.cores, machine.class));
    let fused = cfg!(not(target_arch = "x86_64")) || machine.simd.iter().any(|s| s == "fma");
    let slow = if fused { "yes" } else { "no: results are the same, but training is many times slower" };
    say(true, "fused multiply-add", slow.into());
    let cap = Level::cap()?.map(|cap| format!(", capped at `{cap}` by `{CAP}`")).unwrap_or_default();
    let levels: Vec<_> = Level::here().map(Level::name).collect();
    say(true, "vector levels", format!("{}{cap}", levels.join(", ")));
    if let Some(bytes) = machine.memory_bytes {
        say(true, "memory", format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)));
    }
    match ComputeDevice::open(DeviceChoice::Cuda(0)) {
        Ok(device) => say(true, "CUDA", device.name),
        Err(error) => say(true, "CUDA", format!("not used ({})", error.what())),
    }
    say(true, "repository", format!("{} ({})", home.root().display(), home.origin));
    folder(&mut say, "cache", home.cache.root());
    folder(&mut say, "results", &home.results());
    match &home.mirror {
        Some(mirror) => say(mirror.is_dir(), "mirror", mirror.display().to_string()),
        None => say(true, "mirror", "none (set `REPRISE_MIRROR=DIR` to read data from a folder)".into()),
    }
    datasets(&mut say, &home)?;
    for listed in spec::discover(&home.reproductions())? {
        match listed.summary.and_then(|summary| {
            summary.profiles.iter().try_for_each(|p| spec::load(&listed.file, Some(p), &home.registry).map(drop))
        }) {
            Ok(()) => say(true, "spec", listed.id),
            Err(error) => say(false, "spec", format!("{}: {error}", listed.id)),
        }
    }
    match broken {
        0 => Ok(()),
        n => Err(Error::new(Kind::Io, format!("{n} of the above {}", if n == 1 { "is wrong" } else { "are wrong" }))),
    }
}

fn folder(say: &mut impl FnMut(bool, &str, String), what: &str, folder: &Path) {
    match check_writable(folder) {
        Ok(()) => say(true, what, format!("{} can be written", folder.display())),
        Err(error) => say(false, what, format!("{} cannot be written: {error}", folder.display())),
    }
}

fn datasets(say: &mut impl FnMut(bool, &str, String), home: &Home) -> Result<()> {
    let catalog = home.catalog()?;
    let mut counts = [0; 5];
    for id in catalog.ids() {
        match catalog.get(id) {
            Ok(manifest) => {
                counts[match status(&manifest, &home.cache, home.mirror.as_deref()) {
                    FileState::Embedded | FileState::Beside => 0,
                    FileState::Cached => 1,
                    FileState::AtMirror => 2,
                    FileState::AtUrl => 3,
                    FileState::ByHand | FileState::Unpinned => 4,
                }] += 1;
            }
            Err(error) => say(false, "manifest", format!("{id}: {error}")),
        }
    }
    let [embedded, cached, mirror, url, hand] = counts;
    let detail = format!(
        "{embedded} embedded, {cached} in the cache, {mirror} at the mirror, {url} to be fetched, {hand} by hand"
    );
    say(true, "datasets", detail);
    Ok(())
}
