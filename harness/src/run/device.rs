//! CPU or CUDA, asked for by name and never changed in silence: a silent fall-back would make a GPU
//! timing a CPU timing.

use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Kind, Result};

/// What was asked for: `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Cpu,
    Cuda(usize),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => {
                index.parse().map(Self::Cuda).map_err(|_| format!("`{index}` is not the number of a device"))
            }
            _ => Err(format!("`{text}` is not a device; expected `cpu`, `cuda` or `cuda:N`")),
        }
    }
}

/// A device that is there.
pub struct ComputeDevice {
    pub device: Device,
    /// `cpu`, or `cuda:N NAME`.
    pub name: String,
}

impl ComputeDevice {
    /// # Errors
    /// [`Missing`](Kind::Missing) if CUDA is asked for and is not compiled in or not on this machine.
    pub fn open(wanted: Wanted) -> Result<Self> {
        match wanted {
            Wanted::Cpu => Ok(Self { device: Device::Cpu, name: "cpu".into() }),
            Wanted::Cuda(index) => cuda(index),
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<ComputeDevice> {
    Err(Error::new(Kind::Missing, format!("device `cuda:{index}` cannot be used: this program was built without CUDA"))
        .hint("build it with `--features cuda` (METHOD.md, \"Devices\"), or leave `--device` out to train on the CPU"))
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<ComputeDevice> {
    let missing = |what: &str| {
        Error::new(Kind::Missing, format!("device `cuda:{index}` cannot be used"))
            .got(what)
            .hint("`nvidia-smi` shows the driver and its devices; leave `--device` out to train on the CPU")
    };
    // cudarc panics at the first use of a library that it cannot open, so they are looked for first.
    for library in ["libcuda.so.1", "libcublas.so.13", "libcurand.so.10"] {
        if !opens(library) {
            return Err(missing(&format!("the library {library} is not here")));
        }
    }
    let device = Device::new_cuda(index).map_err(|e| missing(&e.to_string()))?;
    let name = device_name(&device).unwrap_or_else(|| "unknown".into());
    Ok(ComputeDevice { device, name: format!("cuda:{index} {name}") })
}

#[cfg(feature = "cuda")]
#[allow(unsafe_code)]
fn opens(library: &str) -> bool {
    // SAFETY: these are NVIDIA's own libraries; their initialisers have no preconditions, and the
    // program is about to load them anyway.
    unsafe { libloading::Library::new(library) }.is_ok()
}

#[cfg(feature = "cuda")]
fn device_name(device: &Device) -> Option<String> {
    device.as_cuda_device().ok()?.cuda_stream().context().name().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices() {
        assert_eq!("cpu".parse(), Ok(Wanted::Cpu));
        assert_eq!("cuda".parse(), Ok(Wanted::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(Wanted::Cuda(3)));
        for bad in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn cuda_without_cuda_is_an_error_with_a_way_out() {
        let error = ComputeDevice::open(Wanted::Cuda(0)).err().expect("an error").to_string();
        assert!(error.contains("built without CUDA") && error.contains("hint:"), "{error}");
    }
}
