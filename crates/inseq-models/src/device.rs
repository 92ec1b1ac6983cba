//! The one place that knows backends: names to devices.

use burn::tensor::{DType, Device};

use crate::{Error, Result};

/// Devices that this build knows, best first.
pub fn names() -> Vec<&'static str> {
    let mut names = Vec::new();
    if cfg!(feature = "cuda") {
        names.push("cuda");
    }
    if cfg!(feature = "tch") {
        names.extend(["tch-cuda", "tch"]);
    }
    if cfg!(feature = "vulkan") {
        names.push("vulkan");
    }
    if cfg!(feature = "wgpu") {
        names.push("wgpu");
    }
    if cfg!(feature = "flex") {
        names.push("flex");
    }
    names
}

/// The device of a name: `flex` (or `cpu`), `tch`, `tch-cuda`, `cuda`, `vulkan`, `wgpu`, with an optional `:index`, or `auto`.
///
/// # Errors
/// When the name is unknown, or names a backend that this build leaves out.
pub fn parse(name: &str) -> Result<Device> {
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => {
            let parsed = index.parse::<usize>().map_err(|_| {
                Error::Argument(format!(
                    "device `{name}`: the index `{index}` is not a number; write for example `cuda:0`"
                ))
            })?;
            (kind, parsed)
        }
        None => (name, 0),
    };
    let _ = index;
    match kind {
        "auto" => names().first().map_or_else(|| Err(left_out("auto", "flex")), |best| parse(best)),
        #[cfg(feature = "flex")]
        "flex" | "cpu" => Ok(Device::flex()),
        #[cfg(all(feature = "tch", not(feature = "flex")))]
        "cpu" => parse("tch"),
        #[cfg(feature = "tch")]
        #[expect(deprecated, reason = "libtorch goes in Burn 0.23; users of 0.22 asked for it")]
        "tch" => Ok(Device::libtorch()),
        #[cfg(feature = "tch")]
        #[expect(deprecated, reason = "as above")]
        "tch-cuda" => Ok(Device::libtorch_cuda(index)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(index)),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(not(feature = "flex"))]
        "flex" => Err(left_out(kind, "flex")),
        #[cfg(not(feature = "tch"))]
        "tch" | "tch-cuda" => Err(left_out(kind, "tch")),
        #[cfg(not(feature = "cuda"))]
        "cuda" => Err(left_out(kind, kind)),
        #[cfg(not(feature = "vulkan"))]
        "vulkan" => Err(left_out(kind, kind)),
        #[cfg(not(feature = "wgpu"))]
        "wgpu" => Err(left_out(kind, kind)),
        _ => Err(Error::Argument(format!("unknown device `{name}`; this build knows {} and auto", names().join(", ")))),
    }
}

fn left_out(name: &str, feature: &str) -> Error {
    Error::Argument(format!(
        "device `{name}` is not in this build; build with `--features {feature}` or use one of: {}",
        names().join(", ")
    ))
}

/// The type that a device computes in with weights kept as `stored`: the CPU backend in `f32` always, every other in theirs.
pub(crate) fn computing_dtype(device: &Device, stored: DType) -> DType {
    if is_flex(device) { DType::F32 } else { stored }
}

/// Whether tensors of this device lie in this process's memory as plain slices, so that own kernels may work on them.
pub(crate) fn is_flex(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return *device == Device::flex();
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}
