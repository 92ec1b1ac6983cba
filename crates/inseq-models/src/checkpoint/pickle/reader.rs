//! The operations of a pickle.

use std::rc::Rc;

use super::{Dict, Global, Items, Storages, Value, call, deeper, storage};

/// Largest number of values; a tensor takes about 30.
const MOST_VALUES: usize = 1 << 23;
/// Magic number at the start of files in the format before PyTorch 1.6, 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The result of reading a pickle.
#[derive(Debug)]
pub(in super::super) struct Pickle {
    pub(in super::super) value: Value,
    pub(in super::super) storages: Storages,
    /// Length of the pickle in bytes.
    pub(in super::super) length: usize,
}

/// Reads a pickle of protocol 2, or of a later protocol with the same operations.
/// More bytes may follow it.
pub(in super::super) fn read(bytes: &[u8]) -> Result<Pickle, String> {
    let (stack, marks, memo) = (Vec::new(), Vec::new(), Vec::new());
    Reader { bytes, at: 0, values: 0, stack, marks, memo, storages: Storages::new() }.run()
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Number of values that were put on the stack.
    values: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
    storages: Storages,
}

impl<'a> Reader<'a> {
    fn run(mut self) -> Result<Pickle, String> {
        loop {
            let place = self.at;
            let [op] = self.array()?;
            if op == b'.' {
                let value = self.pop()?;
                return Ok(Pickle { value, storages: self.storages, length: self.at });
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
            b'N' => self.push(Value::Ignored),
            0x88 | 0x89 => self.push(Value::Bool(op == 0x88)),
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
                if bytes == MAGIC {
                    return self.push(Value::Magic);
                }
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
            // `U` is a text of Python 2.
            0x8c | b'U' => {
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
                let (reference, storage) = storage(&id)?;
                self.storages.entry(reference.key.clone()).or_insert(storage);
                self.push(Value::Storage(reference))
            }
            // A function is called, or an object made.
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.push(call(&function, &arguments)?)
            }
            // The attributes of an OrderedDict (`_metadata`): of no use here.
            b'b' => self.pop().map(|_| ()),
            // A global by names on the stack.
            0x93 => Err(
                "it is of pickle protocol 4 or later, of which PyTorch itself reads no weights; save them again with \
                         torch.save(weights, file), which takes protocol 2, or as safetensors"
                    .into(),
            ),
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

    /// Removes the last value. Values below the last mark are not available.
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

    /// Dictionaries and lists are filled after they are stored in the memo, so a copy would be wrong. No tensor depends on
    /// a container that is referred to again.
    fn remember(&mut self, index: usize) -> Result<(), String> {
        if index > self.memo.len() {
            return Err(format!("memo {index} comes before its turn"));
        }
        self.count()?;
        let value = match self.stack.last() {
            Some(Value::Dict(_) | Value::List(_)) => Value::Ignored,
            Some(value) => value.clone(),
            None => return Err("it remembers what is not there".into()),
        };
        match self.memo.get_mut(index) {
            Some(slot) => *slot = value,
            None => self.memo.push(value),
        }
        Ok(())
    }

    fn recall(&mut self, index: usize) -> Result<(), String> {
        let value = self.memo.get(index).cloned();
        self.push(value.ok_or_else(|| format!("memo {index} holds nothing"))?)
    }
}
