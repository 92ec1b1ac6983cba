//! A reader for the pickles that PyTorch writes. It executes nothing: a global is looked up in a fixed list.
//!
//! What is shared in a pickle is shared here too, and depth and number of values are bounded, so that a small file
//! cannot ask for much memory.

use std::rc::Rc;

use super::stored::StoredDType;

/// Values deeper inside each other than this are no checkpoint's; PyTorch's lie four deep.
const MOST_DEPTH: usize = 32;
/// A tensor takes about 30 values.
const MOST_VALUES: usize = 1 << 23;

/// What a pickle of a state dictionary is made of.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `None`, a boolean or a float: nothing that a tensor depends on.
    Ignored,
    Int(i64),
    String(Rc<str>),
    Tuple(Rc<Items>),
    List(Items),
    Dict(Dict),
    Global(Global),
    Storage {
        key: Rc<str>,
        dtype: StoredDType,
    },
    Tensor(Rc<TensorRef>),
}

/// The members of a tuple or list.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    values: Vec<Value>,
    depth: usize,
}

/// A dictionary, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Dict {
    pub(super) items: Vec<(Value, Value)>,
    depth: usize,
}

/// A tensor: a view of a storage.
#[derive(Clone, Debug)]
pub(super) struct TensorRef {
    pub(super) storage: Rc<str>,
    pub(super) dtype: StoredDType,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The globals that a state dictionary needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(StoredDType),
}

impl Global {
    fn find(module: &str, name: &str) -> Result<Self, String> {
        let storage = |dtype| Ok(Global::Storage(dtype));
        match (module, name) {
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Ok(Global::RebuildParameter),
            ("torch", "DoubleStorage") => storage(StoredDType::F64),
            ("torch", "FloatStorage") => storage(StoredDType::F32),
            ("torch", "HalfStorage") => storage(StoredDType::F16),
            ("torch", "BFloat16Storage") => storage(StoredDType::BF16),
            ("torch", "LongStorage") => storage(StoredDType::I64),
            ("torch", "IntStorage") => storage(StoredDType::I32),
            ("torch", "ShortStorage") => storage(StoredDType::I16),
            ("torch", "CharStorage") => storage(StoredDType::I8),
            ("torch", "ByteStorage") => storage(StoredDType::U8),
            ("torch", "BoolStorage") => storage(StoredDType::Bool),
            _ => Err(format!(
                "it asks for `{}.{}`, which weights never need and this reader never runs; convert the weights to \
                 safetensors where you trust the file, or take them from another source",
                shown(module),
                shown(name)
            )),
        }
    }
}

/// A name of the file as it may stand in a message.
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

/// Reads a pickle of protocol 2, or of a later one as far as it says the same.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    Reader { bytes, at: 0, values: 0, stack: Vec::new(), marks: Vec::new(), memo: Vec::new() }.run()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Values that have been put on the stack.
    values: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
}

impl<'a> Reader<'a> {
    fn run(mut self) -> Result<Value, String> {
        loop {
            let place = self.at;
            let [op] = self.array()?;
            if op == b'.' {
                return self.pop();
            }
            self.step(op).map_err(|message| format!("byte {place}: {message}"))?;
        }
    }

    fn step(&mut self, op: u8) -> Result<(), String> {
        match op {
            0x80 => match self.array()? {
                [0..=5] => Ok(()),
                [version] => Err(format!("pickle protocol {version} is not known")),
            },
            // A frame, which says only how long it is.
            0x95 => self.take(8).map(|_| ()),
            b'(' => {
                self.marks.push(self.stack.len());
                self.count()
            }
            b'N' | 0x88 | 0x89 => self.push(Value::Ignored),
            b'G' => {
                self.take(8)?;
                self.push(Value::Ignored)
            }
            b'K' => {
                let [value] = self.array()?;
                self.push(Value::Int(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))
            }
            0x8a => {
                let length = self.short()?;
                let bytes = self.take(length)?;
                if length > 8 {
                    return Err(format!("an integer of {length} bytes is larger than any size"));
                }
                let mut value = [if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 8];
                value[..length].copy_from_slice(bytes);
                self.push(Value::Int(i64::from_le_bytes(value)))
            }
            b'X' => {
                let length = self.long()?;
                self.text(length)
            }
            0x8c => {
                let length = self.short()?;
                self.text(length)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(Global::find(module, name)?))
            }
            b')' => self.tuple(Vec::new()),
            b']' => self.push(Value::List(Items::default())),
            b'}' => self.push(Value::Dict(Dict::default())),
            b't' => {
                let values = self.since_mark()?;
                self.tuple(values)
            }
            0x85..=0x87 => {
                let count = usize::from(op - 0x84);
                let start = self.stack.len().checked_sub(count).ok_or("it takes more than it has put")?;
                let values = self.stack.split_off(start);
                self.tuple(values)
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])
            }
            b'e' => {
                let values = self.since_mark()?;
                self.append(values)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])
            }
            b'u' => {
                let values = self.since_mark()?;
                self.set_items(values)
            }
            b'q' => {
                let index = self.short()?;
                self.remember(index)
            }
            b'r' => {
                let index = self.long()?;
                self.remember(index)
            }
            0x94 => self.remember(self.memo.len()),
            b'h' => {
                let index = self.short()?;
                self.recall(index)
            }
            b'j' => {
                let index = self.long()?;
                self.recall(index)
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(storage(&id)?)
            }
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.push(call(&function, &arguments)?)
            }
            // The attributes of an OrderedDict (`_metadata`): of no use here.
            b'b' => self.pop().map(|_| ()),
            other => Err(format!("the operation {other:#04x} is not one that weights need")),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| format!("it ends in the middle, after {} bytes", self.bytes.len()))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn short(&mut self) -> Result<usize, String> {
        self.array().map(|[value]| value.into())
    }

    fn long(&mut self) -> Result<usize, String> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|e| e.to_string())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")?;
        self.push(Value::String(text.into()))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or("it ends in the middle of a name")?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name is not UTF-8".to_string())
    }

    fn count(&mut self) -> Result<(), String> {
        self.values += 1;
        if self.values > MOST_VALUES { Err(format!("it has more than {MOST_VALUES} values")) } else { Ok(()) }
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        self.count()?;
        self.stack.push(value);
        Ok(())
    }

    fn tuple(&mut self, values: Vec<Value>) -> Result<(), String> {
        let depth = deeper(values.iter())?;
        self.push(Value::Tuple(Rc::new(Items { values, depth })))
    }

    /// What was put last. Nothing below the last mark is there to take.
    fn pop(&mut self) -> Result<Value, String> {
        if self.marks.last().is_some_and(|&mark| self.stack.len() <= mark) {
            return Err("it takes more than it has put after a mark".into());
        }
        self.stack.pop().ok_or_else(|| "it takes more than it has put".to_string())
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or_else(|| "a mark is missing".to_string())
    }

    fn append(&mut self, values: Vec<Value>) -> Result<(), String> {
        let Some(Value::List(list)) = self.stack.last_mut() else { return Err("there is no list to append to".into()) };
        list.depth = list.depth.max(deeper(values.iter())?);
        list.values.extend(values);
        Ok(())
    }

    fn set_items(&mut self, values: Vec<Value>) -> Result<(), String> {
        let Some(Value::Dict(dict)) = self.stack.last_mut() else {
            return Err("there is no dictionary to fill".into());
        };
        dict.depth = dict.depth.max(deeper(values.iter())?);
        let mut values = values.into_iter();
        while let Some(key) = values.next() {
            let value = values.next().ok_or("a dictionary has a key without a value")?;
            dict.items.push((key, value));
        }
        Ok(())
    }

    fn remember(&mut self, index: usize) -> Result<(), String> {
        if index > self.memo.len() {
            return Err(format!("memo {index} comes before its turn"));
        }
        self.count()?;
        let value = match self.stack.last() {
            // Dictionaries and lists are filled after they are remembered, and weights never refer to one again.
            Some(Value::Dict(_) | Value::List(_)) | None => None,
            Some(value) => Some(value.clone()),
        };
        match self.memo.get_mut(index) {
            Some(slot) => *slot = value,
            None => self.memo.push(value),
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), String> {
        let value = self.memo.get(index).cloned().flatten();
        self.push(value.ok_or_else(|| format!("memo {index} holds nothing that weights refer to"))?)
    }
}

/// The depth of something that holds these values.
fn deeper<'a>(values: impl Iterator<Item = &'a Value>) -> Result<usize, String> {
    let depth = values.map(Value::depth).max().unwrap_or(0) + 1;
    if depth > MOST_DEPTH { Err(format!("its values lie more than {MOST_DEPTH} deep")) } else { Ok(depth) }
}

/// A persistent id: `("storage", type, key, location, size)`.
fn storage(id: &Value) -> Result<Value, String> {
    if let Value::Tuple(items) = id
        && let [Value::String(tag), Value::Global(Global::Storage(dtype)), Value::String(key), ..] = &items.values[..]
        && &**tag == "storage"
    {
        return Ok(Value::Storage { key: key.clone(), dtype: *dtype });
    }
    Err("a persistent id names no storage".into())
}

fn call(function: &Value, arguments: &Value) -> Result<Value, String> {
    let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else {
        return Err("something that is no known function is called".into());
    };
    match (function, &arguments.values[..]) {
        (Global::OrderedDict, []) => Ok(Value::Dict(Dict::default())),
        (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        (Global::RebuildTensor, [Value::Storage { key, dtype }, offset, shape, strides, ..]) => {
            Ok(Value::Tensor(Rc::new(TensorRef {
                storage: key.clone(),
                dtype: *dtype,
                offset: size(offset)?,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            })))
        }
        _ => Err(format!("{function:?} is called with arguments that no tensor has")),
    }
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
