//! Backends and their names. All other code works with a [`Device`] of any backend, except the reader of host tensors in
//! `layers/kernels/host.rs`.

#[cfg(any(feature = "vulkan", feature = "wgpu"))]
use burn::tensor::DeviceKind;
#[cfg(any(feature = "tch", feature = "cuda", feature = "vulkan", feature = "wgpu"))]
use burn::tensor::DeviceType;
use burn::tensor::{DType, Device};
use inseq_core::did_you_mean;

use crate::{Error, Result};

/// Names of the devices that this build supports, the fastest first.
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

/// What [`parse`] takes without an index: `auto`, `cpu`, and the [`names`].
pub fn choices() -> Vec<&'static str> {
    [vec!["auto", "cpu"], names()].concat()
}

/// The device with a name: `flex` (or `cpu`), `tch`, `tch-cuda`, `cuda`, `vulkan`, `wgpu`, or `auto`. After the name of a GPU
/// backend, `:index` chooses the GPU; `vulkan` and `wgpu` count the discrete GPUs. The default is the best GPU.
///
/// ```
/// use inseq_models::device;
///
/// # #[cfg(feature = "flex")] {
/// assert_eq!(device::parse("cpu")?, device::parse("flex")?);
/// assert!(device::names().contains(&"flex"));
/// # }
/// assert!(device::parse("abacus").is_err());
/// # Ok::<(), inseq_models::Error>(())
/// ```
///
/// # Errors
/// The name is unknown, its backend is not in this build, or the backend has no device with this index.
pub fn parse(name: &str) -> Result<Device> {
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => {
            let parsed = index.parse::<usize>().map_err(|_| {
                Error::argument(
                    "device",
                    format!("device `{name}`: the index `{index}` is not a number; write for example `cuda:0`"),
                )
            })?;
            (kind, Some(parsed))
        }
        None => (name, None),
    };
    // There is one of each of these.
    if let (Some(1..), "auto" | "flex" | "cpu" | "tch") = (index, kind) {
        return Err(Error::device(
            format!("device `{name}`"),
            format!("is not there: `{kind}` is one device, and the only index it can have is 0; write `{kind}`"),
        ));
    }
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
        "tch-cuda" => match index {
            Some(index) => chosen(name, index, &there(DeviceType::LibTorch), Device::libtorch_cuda),
            None => Ok(Device::libtorch_cuda(0)),
        },
        #[cfg(feature = "cuda")]
        "cuda" => match index {
            Some(index) => chosen(name, index, &there(DeviceType::Cuda), Device::cuda),
            None => Ok(Device::cuda(0)),
        },
        #[cfg(feature = "vulkan")]
        "vulkan" => match index {
            Some(index) => {
                chosen(name, index, &there(DeviceType::Vulkan), |index| Device::vulkan(DeviceKind::DiscreteGpu(index)))
            }
            None => Ok(Device::vulkan(DeviceKind::DefaultDevice)),
        },
        #[cfg(feature = "wgpu")]
        "wgpu" => match index {
            Some(index) => {
                chosen(name, index, &there(DeviceType::Wgpu), |index| Device::wgpu(DeviceKind::DiscreteGpu(index)))
            }
            None => Ok(Device::wgpu(DeviceKind::DefaultDevice)),
        },
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
        _ => {
            // Also the names that other builds have.
            const OTHERS: [&str; 6] = ["cuda", "tch-cuda", "tch", "vulkan", "wgpu", "flex"];
            let known = choices();
            let near = did_you_mean(kind, known.iter().copied().chain(OTHERS), 1);
            let problem = format!("unknown device `{name}`; choose from {}{near}", known.join(", "));
            Err(Error::argument("device", problem))
        }
    }
}

/// The devices of a backend on this machine.
#[cfg(any(feature = "tch", feature = "cuda", feature = "vulkan", feature = "wgpu"))]
fn there(backend: DeviceType) -> Vec<Device> {
    Device::enumerate(backend).into_vec()
}

/// The device with an index among the existing ones; `at` gives the device of an index.
#[cfg(any(feature = "tch", feature = "cuda", feature = "vulkan", feature = "wgpu", test))]
fn chosen<D: PartialEq>(name: &str, index: usize, there: &[D], at: impl Fn(usize) -> D) -> Result<D> {
    let count = (0..=index).take_while(|&index| there.contains(&at(index))).count();
    if count > index {
        return Ok(at(index));
    }
    let kind = name.split(':').next().unwrap_or(name);
    let problem = match count {
        0 => format!("is not there: this machine has no GPU that `{kind}` can choose by an index"),
        1 => format!("is not there: `{kind}` has one GPU on this machine; write `{kind}:0`"),
        _ => format!("is not there: `{kind}` has {count} GPUs on this machine, `{kind}:0` to `{kind}:{}`", count - 1),
    };
    Err(Error::device(format!("device `{name}`"), problem))
}

fn left_out(name: &str, feature: &str) -> Error {
    let known = names().join(", ");
    let problem = format!("is not in this build; build with `--features {feature}` or use one of: {known}");
    Error::device(format!("device `{name}`"), problem)
}

/// Type of the computation with weights of type `stored`: `f32` on the CPU backend, the stored type on all others.
pub(crate) fn computing_dtype(device: &Device, stored: DType) -> DType {
    if is_flex(device) { DType::F32 } else { stored }
}

/// Whether tensors of this device are slices in the memory of this process, so that the CPU kernels can work on them.
pub(crate) fn is_flex(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return *device == Device::flex();
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_never_another_than_the_one_that_is_named() {
        for name in ["auto:1", "flex:7", "cpu:3", "tch:1"] {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")) && message.contains("index"), "{message}");
        }
        for name in ["cpu:", "cpu:x", "cpu:-1", "cuda:0:1", "cpu:99999999999999999999"] {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains("is not a number"), "{message}");
        }
        #[cfg(feature = "flex")]
        for name in ["flex", "cpu", "flex:0", "cpu:0"] {
            assert!(is_flex(&parse(name).unwrap()), "{name}");
        }
    }

    #[test]
    #[cfg(feature = "flex")]
    fn an_unknown_device_is_named_with_the_nearest() {
        for (name, near) in
            [("cpuu", "cpu"), ("flexx:0", "flex"), ("atuo", "auto"), ("cud", "cuda"), ("vulcan:1", "vulkan")]
        {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.starts_with(&format!("unknown device `{name}`; choose from auto, cpu, ")), "{message}");
            assert!(message.ends_with(&format!("(did you mean `{near}`?)")), "{message}");
        }
        assert!(!parse("abacus").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn a_gpu_is_one_of_those_that_are_there() {
        assert_eq!(chosen("cuda:1", 1, &[10, 11, 12], |index| 10 + index).unwrap(), 11);
        for (name, index, there, expected) in [
            ("cuda:9", 9, &[10, 11][..], "`cuda` has 2 GPUs on this machine, `cuda:0` to `cuda:1`"),
            ("wgpu:5", 5, &[7, 10], "`wgpu` has one GPU on this machine; write `wgpu:0`"),
            ("vulkan:0", 0, &[7], "no GPU that `vulkan` can choose by an index"),
        ] {
            let message = chosen(name, index, there, |index| 10 + index).unwrap_err().to_string();
            assert!(message.starts_with(&format!("device `{name}` is not there: ")), "{message}");
            assert!(message.contains(expected), "{message}");
        }
        // No backend has as many.
        #[cfg(feature = "cuda")]
        assert!(parse("cuda:60000").is_err());
        #[cfg(feature = "tch")]
        assert!(parse("tch-cuda:60000").is_err());
        #[cfg(feature = "wgpu")]
        assert!(parse("wgpu:60000").is_err());
        #[cfg(feature = "vulkan")]
        assert!(parse("vulkan:60000").is_err());
    }
}
