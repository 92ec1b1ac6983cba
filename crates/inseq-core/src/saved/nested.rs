//! Numbers in nested lists.

use std::{fmt, mem};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::json::{self, Number};

/// Numbers in row-major order, with the shape of their lists; one number has no axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NestedNumbers {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl<'de> Deserialize<'de> for NestedNumbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reader = Reader::default();
        Level { reader: &mut reader, depth: 0 }.deserialize(deserializer)?;
        Ok(reader.finish())
    }
}

impl NestedNumbers {
    /// The numbers of a list whose first bracket a visitor has already entered.
    pub(super) fn in_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let mut reader = Reader::default();
        Level { reader: &mut reader, depth: 0 }.visit_seq(list)?;
        Ok(reader.finish())
    }
}

#[derive(Default)]
struct Reader {
    /// Length of the lists at each depth, known after the first list of this depth.
    shape: Vec<Option<usize>>,
    /// Depth of the numbers, known after the first number.
    leaves: Option<usize>,
    values: Vec<f32>,
}

impl Reader {
    fn finish(&mut self) -> NestedNumbers {
        let shape = mem::take(&mut self.shape).into_iter().map(|length| length.unwrap_or(0)).collect();
        NestedNumbers { shape, values: mem::take(&mut self.values) }
    }

    fn number<E: de::Error>(&mut self, depth: usize, value: f32) -> Result<(), E> {
        if *self.leaves.get_or_insert(depth) != depth || self.shape.len() > depth {
            return Err(E::custom("numbers stand at different depths of the lists"));
        }
        self.values.push(value);
        Ok(())
    }
}

/// One value at a depth: a number, or a list of values one deeper.
struct Level<'r> {
    reader: &'r mut Reader,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers in nested lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reader, depth } = self;
        if reader.leaves.is_some_and(|leaves| leaves <= depth) {
            return Err(de::Error::custom("numbers stand at different depths of the lists"));
        }
        if reader.shape.len() == depth {
            reader.shape.push(None);
        }
        let mut length = 0;
        while list.next_element_seed(Level { reader: &mut *reader, depth: depth + 1 })?.is_some() {
            length += 1;
        }
        match reader.shape[depth].replace(length) {
            Some(other) if other != length => {
                Err(de::Error::custom(format!("lists of one depth have lengths {other} and {length}")))
            }
            _ => Ok(()),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.reader.number(self.depth, value as f32)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.reader.number(self.depth, value as f32)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.reader.number(self.depth, value as f32)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let number = json::literal(value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &"a number"))?;
        self.reader.number(self.depth, number)
    }
}

impl Serialize for NestedNumbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested { shape: &self.shape, values: &self.values }.serialize(serializer)
    }
}

struct Nested<'a> {
    shape: &'a [usize],
    values: &'a [f32],
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&length, inner)) = self.shape.split_first() else {
            return Number(self.values.first().copied().unwrap_or(f32::NAN)).serialize(serializer);
        };
        let mut list = serializer.serialize_seq(Some(length))?;
        let stride = self.values.len().checked_div(length).unwrap_or(0);
        for row in 0..length {
            list.serialize_element(&Nested { shape: inner, values: &self.values[row * stride..(row + 1) * stride] })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NestedNumbers, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn lists_give_shape_and_values() {
        let numbers =
            |shape: &[usize], values: &[f32]| Ok(NestedNumbers { shape: shape.to_vec(), values: values.to_vec() });
        assert_eq!(read("[[1, 2.5, -3], [4, 5, 6]]"), numbers(&[2, 3], &[1.0, 2.5, -3.0, 4.0, 5.0, 6.0]));
        assert_eq!(read("[[[]], [[]]]"), numbers(&[2, 1, 0], &[]));
        assert_eq!(read("7"), numbers(&[], &[7.0]));
        assert!(read(r#"["NaN"]"#).is_ok_and(|numbers| numbers.values[0].is_nan()));
    }

    #[test]
    fn ragged_lists_are_refused() {
        for text in ["[[1], [1, 2]]", "[1, [2]]", "[[1], 2]", "[[], 2]", r#"["one"]"#, "[null]", "[{}]", "[[1, 2], []]"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
