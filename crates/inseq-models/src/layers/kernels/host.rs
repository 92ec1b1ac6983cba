//! Tensors of the CPU backend as slices, without a copy.

use burn::tensor::{DType, Tensor};

#[cfg(feature = "flex")]
type Primitive = burn_flex::FlexTensor;

/// A tensor in this process's memory, row-major.
pub(super) struct HostTensor {
    #[cfg(feature = "flex")]
    primitive: Primitive,
}

impl HostTensor {
    /// The values of a tensor, shared with it if it is row-major already; `None` if the tensor is on another device, is not
    /// `f32`, or takes part in autodiff.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if !is_host(tensor) {
            return None;
        }
        #[cfg(feature = "flex")]
        {
            let primitive = tensor.clone().try_into_primitive::<burn::backend::Flex>().ok()?;
            let primitive = if primitive.is_contiguous() { primitive } else { primitive.to_contiguous() };
            primitive.as_slice::<f32>().is_some().then_some(Self { primitive })
        }
        #[cfg(not(feature = "flex"))]
        None
    }
}

impl std::ops::Deref for HostTensor {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        #[cfg(feature = "flex")]
        return self.primitive.as_slice().unwrap_or_default();
        #[cfg(not(feature = "flex"))]
        &[]
    }
}

/// `x` with its row-major values changed in place by `change`; the result of `otherwise` if its values are not `f32` in
/// the memory of this process or take part in autodiff.
pub(super) fn changed<const D: usize>(
    x: Tensor<D>,
    change: impl FnOnce(&mut [f32]),
    otherwise: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    if !is_host(&x) {
        return otherwise(x);
    }
    let device = x.device();
    let mut data = x.into_data();
    let is_changed = data.as_mut_slice::<f32>().map(change).is_ok();
    let tensor = Tensor::from_data(data, &device);
    if is_changed { tensor } else { otherwise(tensor) }
}

/// Whether a tensor's values are `f32` in this process's memory and free of autodiff.
pub(super) fn is_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device();
    tensor.dtype() == DType::F32 && !device.is_autodiff() && crate::device::is_flex(&device)
}
