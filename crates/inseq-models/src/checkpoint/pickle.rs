//! A reader for the pickles that PyTorch writes. It executes nothing: a global is looked up in a fixed list.

use super::stored::StoredDType;

/// Values deep inside each other than this are no checkpoint's.
const MOST_MEMO: usize = 1 << 22;

/// What a pickle of a state dictionary is made of.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    String(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    Global(Global),
    Storage { key: String, dtype: StoredDType },
    Tensor(TensorRef),
}

/// A tensor: a view of a storage.
#[derive(Clone, Debug)]
pub(super) struct TensorRef {
    pub(super) storage: String,
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
                "it asks for `{module}.{name}`, which weights never need and this reader never runs; take a safetensors file \
                 of the model, or one from a source that you trust"
            )),
        }
    }
}

/// Reads a pickle of protocol 2.
pub(super) fn read(bytes: &[u8]) -> Result<Value, String> {
    Reader { bytes, at: 0, stack: Vec::new(), marks: Vec::new(), memo: Vec::new() }.run()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
}

impl<'a> Reader<'a> {
    fn run(mut self) -> Result<Value, String> {
        loop {
            let place = self.at;
            let op = self.take(1)?[0];
            match op {
                0x80 => {
                    let version = self.take(1)?[0];
                    if version > 5 {
                        return Err(format!("pickle protocol {version} is not known"));
                    }
                }
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool),
                0x89 => self.stack.push(Value::Bool),
                b'K' => {
                    let value = i64::from(self.take(1)?[0]);
                    self.stack.push(Value::Int(value));
                }
                b'M' => {
                    let value = self.number::<2>(|b| i64::from(u16::from_le_bytes(b)))?;
                    self.stack.push(Value::Int(value));
                }
                b'J' => {
                    let value = self.number::<4>(|b| i64::from(i32::from_le_bytes(b)))?;
                    self.stack.push(Value::Int(value));
                }
                0x8a => {
                    let length = usize::from(self.take(1)?[0]);
                    let bytes = self.take(length)?;
                    if length > 8 {
                        return Err(format!("an integer of {length} bytes at byte {place} is too large"));
                    }
                    let mut value = [if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 8];
                    value[..length].copy_from_slice(bytes);
                    self.stack.push(Value::Int(i64::from_le_bytes(value)));
                }
                b'G' => {
                    self.take(8)?;
                    self.stack.push(Value::Float);
                }
                b'X' => {
                    let length = self.number::<4>(|b| i64::from(u32::from_le_bytes(b)))? as usize;
                    let text = self.text(length)?;
                    self.stack.push(Value::String(text));
                }
                0x8c => {
                    let length = usize::from(self.take(1)?[0]);
                    let text = self.text(length)?;
                    self.stack.push(Value::String(text));
                }
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.stack.push(Value::Global(Global::find(module, name)?));
                }
                b')' => self.stack.push(Value::Tuple(Vec::new())),
                b']' => self.stack.push(Value::List(Vec::new())),
                b'}' => self.stack.push(Value::Dict(Vec::new())),
                b't' => {
                    let items = self.since_mark()?;
                    self.stack.push(Value::Tuple(items));
                }
                0x85..=0x87 => {
                    let count = usize::from(op - 0x84);
                    let start = self.stack.len().checked_sub(count).ok_or("the pickle takes more than it has put")?;
                    let items = self.stack.split_off(start);
                    self.stack.push(Value::Tuple(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    match self.stack.last_mut() {
                        Some(Value::List(items)) => items.push(item),
                        _ => return Err(format!("no list to append to at byte {place}")),
                    }
                }
                b'e' => {
                    let more = self.since_mark()?;
                    match self.stack.last_mut() {
                        Some(Value::List(items)) => items.extend(more),
                        _ => return Err(format!("no list to append to at byte {place}")),
                    }
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(vec![key, value], place)?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.set_items(items, place)?;
                }
                b'q' => {
                    let index = usize::from(self.take(1)?[0]);
                    self.remember(index)?;
                }
                b'r' => {
                    let index = self.number::<4>(|b| i64::from(u32::from_le_bytes(b)))? as usize;
                    self.remember(index)?;
                }
                0x94 => self.remember(self.memo.len())?,
                b'h' => {
                    let index = usize::from(self.take(1)?[0]);
                    self.recall(index)?;
                }
                b'j' => {
                    let index = self.number::<4>(|b| i64::from(u32::from_le_bytes(b)))? as usize;
                    self.recall(index)?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.stack.push(storage(id)?);
                }
                b'R' => {
                    let arguments = self.pop()?;
                    let function = self.pop()?;
                    self.stack.push(call(function, arguments)?);
                }
                // The attributes of an OrderedDict (`_metadata`): of no use here.
                b'b' => {
                    self.pop()?;
                }
                0x95 => {
                    self.take(8)?;
                }
                other => {
                    return Err(format!("the operation {other:#04x} at byte {place} is not one that weights need"));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| format!("it ends in the middle, at byte {}", self.bytes.len()))?;
        self.at += count;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self, f: impl Fn([u8; N]) -> i64) -> Result<i64, String> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(f(bytes))
    }

    fn text(&mut self, length: usize) -> Result<String, String> {
        let place = self.at;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| format!("the text at byte {place} is not UTF-8"))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or("it ends in the middle of a name")?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name is not UTF-8".to_string())
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "the pickle takes more than it has put".to_string())
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        mark.map(|mark| self.stack.split_off(mark)).ok_or_else(|| "a mark is missing".to_string())
    }

    fn remember(&mut self, index: usize) -> Result<(), String> {
        if index > self.memo.len() || index > MOST_MEMO {
            return Err(format!("memo {index} comes before its turn"));
        }
        // Dictionaries and lists are filled after they are remembered, and weights refer to none of them again.
        let value = match self.stack.last() {
            Some(Value::Dict(_) | Value::List(_)) | None => None,
            // Tuples inside tuples, recalled again and again, would grow without bound.
            Some(Value::Tuple(items))
                if items.len() > 64
                    || items.iter().any(|i| matches!(i, Value::Tuple(_) | Value::Dict(_) | Value::List(_))) =>
            {
                None
            }
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
        self.stack.push(value.ok_or_else(|| format!("memo {index} holds nothing that weights refer to"))?);
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>, place: usize) -> Result<(), String> {
        let Some(Value::Dict(dict)) = self.stack.last_mut() else {
            return Err(format!("no dictionary to fill at byte {place}"));
        };
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            dict.push((key, value));
        }
        Ok(())
    }
}

/// A persistent id: `("storage", type, key, location, size)`.
fn storage(id: Value) -> Result<Value, String> {
    if let Value::Tuple(items) = id
        && let [Value::String(tag), Value::Global(Global::Storage(dtype)), Value::String(key), ..] = items.as_slice()
        && tag == "storage"
    {
        return Ok(Value::Storage { key: key.clone(), dtype: *dtype });
    }
    Err("a persistent id names no storage".into())
}

fn call(function: Value, arguments: Value) -> Result<Value, String> {
    let (Value::Global(function), Value::Tuple(arguments)) = (function, arguments) else {
        return Err("something that is no known function is called".into());
    };
    match (function, arguments.as_slice()) {
        (Global::OrderedDict, _) => Ok(Value::Dict(Vec::new())),
        (Global::RebuildParameter, [tensor @ Value::Tensor(_), ..]) => Ok(tensor.clone()),
        (Global::RebuildTensor, [Value::Storage { key, dtype }, Value::Int(offset), shape, strides, ..]) => {
            Ok(Value::Tensor(TensorRef {
                storage: key.clone(),
                dtype: *dtype,
                offset: size(&Value::Int(*offset))?,
                shape: sizes(shape)?,
                strides: sizes(strides)?,
            }))
        }
        _ => Err(format!("{function:?} is called with arguments that no tensor has")),
    }
}

fn sizes(value: &Value) -> Result<Vec<usize>, String> {
    match value {
        Value::Tuple(items) | Value::List(items) => items.iter().map(size).collect(),
        _ => Err("a shape is no tuple".into()),
    }
}

fn size(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(n) if *n >= 0 => usize::try_from(*n).map_err(|e| e.to_string()),
        other => Err(format!("a size is {other:?}")),
    }
}
