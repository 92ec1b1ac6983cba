//! A reader for the pickles of PyTorch. It executes no code: it compares a global with a fixed list.
//!
//! Values that a pickle shares are also shared in memory, and the depth and the number of values are bounded, so a small file
//! cannot allocate much memory.

mod reader;

use std::rc::Rc;

use indexmap::IndexMap;

use super::stored::StoredDType;
pub(super) use reader::{Pickle, read};

/// Largest depth of nested values; checkpoints of PyTorch have a depth of four.
const MOST_DEPTH: usize = 32;

/// A value in the pickle of a state dictionary.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A value that does not affect tensors: `None`, a float, a device.
    Ignored,
    Bool(bool),
    Int(i64),
    /// The magic number at the start of files in the format before PyTorch 1.6.
    Magic,
    String(Rc<str>),
    Tuple(Rc<Items>),
    List(Items),
    Dict(Dict),
    Global(Global),
    Storage(StorageRef),
    Tensor(Rc<TensorRef>),
}

/// The members of a tuple or list.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    pub(super) values: Vec<Value>,
    depth: usize,
}

/// A dictionary, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Dict {
    pub(super) items: Vec<(Value, Value)>,
    depth: usize,
}

impl Dict {
    /// Whether a value is a tensor.
    pub(super) fn holds_tensors(&self) -> bool {
        self.items.iter().any(|(_, value)| matches!(value, Value::Tensor(_)))
    }

    /// The value of a text key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.items
            .iter()
            .find(|(name, _)| matches!(name, Value::String(name) if &**name == key))
            .map(|(_, value)| value)
    }
}

/// A storage, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct StorageRef {
    pub(super) key: Rc<str>,
    pub(super) dtype: StoredDType,
    /// First value and number of values of the part.
    pub(super) part: Option<(usize, usize)>,
}

/// Type and size of a storage outside the pickle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) dtype: StoredDType,
    /// Number of values.
    pub(super) count: usize,
}

/// The storages of a pickle, by key.
pub(super) type Storages = IndexMap<Rc<str>, Storage>;

/// A tensor: a view of a storage.
#[derive(Clone, Debug)]
pub(super) struct TensorRef {
    pub(super) storage: StorageRef,
    pub(super) dtype: StoredDType,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The globals that a state dictionary needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Global {
    OrderedDict,
    /// `torch.Size`, a tuple.
    Size,
    /// `torch.device`, or a class of tensors as an argument.
    Ignored,
    RebuildTensor,
    RebuildTypedTensor,
    RebuildParameter,
    RebuildFromType,
    Storage(StoredDType),
    DType(StoredDType),
}

impl Global {
    fn find(module: &str, name: &str) -> Result<Self, String> {
        let storage = |dtype| Ok(Global::Storage(dtype));
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch", "Size") => Ok(Global::Size),
            ("torch", "Tensor" | "device") | ("torch.nn.parameter", "Buffer") => Ok(Global::Ignored),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Ok(Global::RebuildTensor),
            ("torch._utils", "_rebuild_tensor_v3") => Ok(Global::RebuildTypedTensor),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter") => Ok(Global::RebuildParameter),
            ("torch._tensor", "_rebuild_from_type_v2") => Ok(Global::RebuildFromType),
            ("torch", "DoubleStorage") => storage(StoredDType::F64),
            ("torch", "FloatStorage") => storage(StoredDType::F32),
            ("torch", "HalfStorage") => storage(StoredDType::F16),
            ("torch", "BFloat16Storage") => storage(StoredDType::BF16),
            ("torch", "LongStorage") => storage(StoredDType::I64),
            ("torch", "IntStorage") => storage(StoredDType::I32),
            ("torch", "ShortStorage") => storage(StoredDType::I16),
            ("torch", "CharStorage") => storage(StoredDType::I8),
            ("torch", "ByteStorage" | "UntypedStorage") | ("torch.storage", "UntypedStorage") => {
                storage(StoredDType::U8)
            }
            ("torch", "BoolStorage") => storage(StoredDType::Bool),
            ("torch", dtype) if let Some(dtype) = dtype_named(dtype) => Ok(Global::DType(dtype)),
            ("torch._utils", "_rebuild_qtensor") | ("torch", "QInt8Storage" | "QUInt8Storage" | "QInt32Storage") => {
                Err("its tensors are quantized by PyTorch itself (torch.ao.quantization), which is not read; save the \
                     model as it was before"
                    .into())
            }
            ("torch._utils", "_rebuild_sparse_tensor") => {
                Err("it has a sparse tensor, which is not read; save it as `tensor.to_dense()`".into())
            }
            ("torch._utils", "_rebuild_meta_tensor_no_storage") => {
                Err("it has a tensor without values (of the device `meta`); save the model with its weights loaded"
                    .into())
            }
            _ => Err(format!(
                "it asks for `{}.{}`, which weights never need and this reader never runs; convert the weights to \
                 safetensors where you trust the file, or take them from another source",
                shown(module),
                shown(name)
            )),
        }
    }
}

/// The type of PyTorch with this name in the module `torch`.
fn dtype_named(name: &str) -> Option<StoredDType> {
    Some(match name {
        "float64" => StoredDType::F64,
        "float32" => StoredDType::F32,
        "float16" => StoredDType::F16,
        "bfloat16" => StoredDType::BF16,
        "int64" => StoredDType::I64,
        "int32" => StoredDType::I32,
        "int16" => StoredDType::I16,
        "int8" => StoredDType::I8,
        "uint64" => StoredDType::U64,
        "uint32" => StoredDType::U32,
        "uint16" => StoredDType::U16,
        "uint8" => StoredDType::U8,
        "bool" => StoredDType::Bool,
        "float8_e4m3fn" | "float8_e5m2" | "float8_e4m3fnuz" | "float8_e5m2fnuz" | "float8_e8m0fnu" => StoredDType::F8,
        _ => return None,
    })
}

/// A name from the file, safe to print in a message.
fn shown(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

impl Value {
    fn depth(&self) -> usize {
        match self {
            Value::Tuple(items) => items.depth,
            Value::List(items) => items.depth,
            Value::Dict(dict) => dict.depth,
            _ => 0,
        }
    }
}

/// The depth of a container of these values.
fn deeper<'a>(values: impl Iterator<Item = &'a Value>) -> Result<usize, String> {
    let depth = values.map(Value::depth).max().unwrap_or(0) + 1;
    if depth > MOST_DEPTH { Err(format!("its values lie more than {MOST_DEPTH} deep")) } else { Ok(depth) }
}

/// Reads a persistent id: `("storage", type, key, location, count)`; before PyTorch 1.6 also with a part of the
/// storage, `(key, first, count)` or `None`.
fn storage(id: &Value) -> Result<(StorageRef, Storage), String> {
    let Value::Tuple(items) = id else { return Err("a persistent id names no storage".into()) };
    match &items.values[..] {
        [Value::String(tag), Value::Global(Global::Storage(dtype)), Value::String(key), _, count, rest @ ..]
            if &**tag == "storage" =>
        {
            let part = match rest {
                [] | [Value::Ignored] => None,
                [Value::Tuple(part)] if let [_, first, count] = &part.values[..] => Some((size(first)?, size(count)?)),
                _ => return Err("a persistent id names no part of a storage".into()),
            };
            let reference = StorageRef { key: key.clone(), dtype: *dtype, part };
            Ok((reference, Storage { dtype: *dtype, count: size(count)? }))
        }
        [Value::String(tag), ..] if &**tag == "module" => {
            Err("it holds a whole model with its code, not weights alone; save the model's state_dict".into())
        }
        _ => Err("a persistent id names no storage".into()),
    }
}

fn call(function: &Value, arguments: &Value) -> Result<Value, String> {
    let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else {
        return Err("something that is no known function is called".into());
    };
    let refused = || Err(format!("{function:?} is called with arguments that no tensor has"));
    match (function, &arguments.values[..]) {
        (Global::OrderedDict, []) => Ok(Value::Dict(Dict::default())),
        (Global::Size, [sizes @ Value::Tuple(_)]) => Ok(sizes.clone()),
        (Global::Ignored, _) => Ok(Value::Ignored),
        (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        // A tensor with attributes: how the tensor itself is made, its class, and the arguments.
        (Global::RebuildFromType, [function, Value::Global(_), arguments, ..]) => match function {
            Value::Global(Global::RebuildFromType) => refused(),
            _ => call(function, arguments),
        },
        (Global::RebuildTensor, [Value::Storage(storage), offset, shape, strides, rest @ ..]) => {
            // Behind `requires_grad` and hooks.
            tensor(storage, storage.dtype, [offset, shape, strides], rest.get(2))
        }
        (Global::RebuildTypedTensor, [Value::Storage(storage), offset, shape, strides, _, _, dtype, rest @ ..]) => {
            let Value::Global(Global::DType(dtype)) = dtype else { return refused() };
            tensor(storage, *dtype, [offset, shape, strides], rest.first())
        }
        _ => refused(),
    }
}

fn tensor(
    storage: &StorageRef,
    dtype: StoredDType,
    [offset, shape, strides]: [&Value; 3],
    metadata: Option<&Value>,
) -> Result<Value, String> {
    if let Some(Value::Dict(metadata)) = metadata
        && metadata.items.iter().any(|(_, set)| !matches!(set, Value::Bool(false)))
    {
        return Err(
            "a tensor is stored as the negative or conjugate of its values; save it as `tensor.resolve_neg()`".into()
        );
    }
    Ok(Value::Tensor(Rc::new(TensorRef {
        storage: storage.clone(),
        dtype,
        offset: size(offset)?,
        shape: sizes(shape)?,
        strides: sizes(strides)?,
    })))
}

fn sizes(value: &Value) -> Result<Vec<usize>, String> {
    match value {
        Value::Tuple(items) => items.values.iter().map(size).collect(),
        _ => Err("a shape is no tuple".into()),
    }
}

fn size(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(n) => usize::try_from(*n).map_err(|_| format!("{n} is no size")),
        _ => Err("a size is no number".into()),
    }
}
