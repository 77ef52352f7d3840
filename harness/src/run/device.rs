//! CPU or CUDA, as asked for by name. There is no silent fall-back, which would pass CPU times off as those of a GPU.

use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Kind, Result};

/// The device that is asked for: `cpu`, `cuda` (the first device) or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    Cpu,
    Cuda(usize),
}

impl FromStr for DeviceChoice {
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

/// A device that is ready for use.
pub struct ComputeDevice {
    pub device: Device,
    /// Name in records: `cpu`, or `cuda:N` and the name of the device.
    pub name: String,
}

impl ComputeDevice {
    /// Opens the device that is asked for.
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing) if CUDA is asked for and is not compiled in or not on this machine.
    pub fn open(wanted: DeviceChoice) -> Result<Self> {
        match wanted {
            DeviceChoice::Cpu => Ok(Self { device: Device::Cpu, name: "cpu".into() }),
            DeviceChoice::Cuda(index) => cuda(index),
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(index: usize) -> Result<ComputeDevice> {
    Err(Error::new(Kind::Missing, format!("device `cuda:{index}` cannot be used: this program was built without CUDA"))
        .hint("build it with `harness/cuda/cargo.sh build`, or leave `--device` out to train on the CPU"))
}

/// Libraries that candle opens at run time, each with a hint about where it comes from.
#[cfg(feature = "cuda")]
const LIBRARIES: [(&str, &str); 3] = [
    ("libcuda.so.1", "NVIDIA's driver brings libcuda; `nvidia-smi` shows it and its devices"),
    (
        "libcublas.so.13",
        "libcublas is in CUDA 13 and in the wheel `nvidia-cublas`; name its folder in `LD_LIBRARY_PATH`",
    ),
    (
        "libcurand.so.10",
        "libcurand is in CUDA 13 and in the wheel `nvidia-curand`; name its folder in `LD_LIBRARY_PATH`",
    ),
];

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<ComputeDevice> {
    // The reason stands in the first line, which is all that `doctor` shows.
    let error = |why: &str| Error::new(Kind::Missing, format!("device `cuda:{index}` cannot be used: {why}"));
    let way_out = "leave `--device` out to train on the CPU";
    // cudarc panics at the first use of a library that it cannot open, so they are looked for first.
    let missing: Vec<_> = LIBRARIES.into_iter().filter(|(name, _)| !opens(name)).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        let error = error(&format!("not found: {}", names.join(", ")));
        return Err(missing.iter().fold(error, |error, (_, hint)| error.hint(*hint)).hint(way_out));
    }
    let device = Device::new_cuda(index).and_then(|device| runs_a_kernel(&device).map(|()| device));
    let device = device.map_err(|e| {
        error(e.to_string().lines().next().unwrap_or("unknown reason"))
            .hint("`nvidia-smi` shows the driver (580 or newer is needed) and its devices")
            .hint(way_out)
    })?;
    let name = device_name(&device).unwrap_or_else(|| "unknown".into());
    Ok(ComputeDevice { device, name: format!("cuda:{index} {name}") })
}

/// A driver too old for this program's kernels, or a card too old for them, shows at the first
/// kernel only.
#[cfg(feature = "cuda")]
fn runs_a_kernel(device: &Device) -> candle_core::Result<()> {
    let one = (candle_core::Tensor::zeros((), candle_core::DType::F32, device)? + 1.0)?;
    one.to_scalar::<f32>().map(drop)
}

#[cfg(feature = "cuda")]
#[expect(unsafe_code, reason = "loading a library runs its initialisers")]
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
        assert_eq!("cpu".parse(), Ok(DeviceChoice::Cpu));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert_eq!("cuda:3".parse(), Ok(DeviceChoice::Cuda(3)));
        for bad in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn cuda_without_cuda_is_an_error_with_a_way_out() {
        let error = ComputeDevice::open(DeviceChoice::Cuda(0)).err().expect("an error").to_string();
        assert!(error.contains("built without CUDA") && error.contains("hint:"), "{error}");
    }
}
