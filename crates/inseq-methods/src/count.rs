//! Numbers of samples, steps and probes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole number from `LEAST` to `MOST`, such as a number of samples.
///
/// ```
/// use inseq_methods::Count;
///
/// let samples: Count<2> = Count::of::<50>();
/// assert_eq!(samples.get(), 50);
/// assert!(Count::<2>::try_from(1).is_err());
/// let error = serde_json::from_str::<Count<2>>("1").unwrap_err().to_string();
/// assert!(error.contains("must be a whole number between 2 and 100000, found 1"), "{error}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count<const LEAST: usize, const MOST: usize = 100_000>(usize);

/// A number outside the limits of a [`Count`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number between {least} and {most}, found {found}")]
pub struct OutOfRange {
    /// Smallest allowed number.
    pub least: usize,
    /// Largest allowed number.
    pub most: usize,
    /// The value that was found.
    pub found: String,
}

impl<const LEAST: usize, const MOST: usize> Count<LEAST, MOST> {
    /// A constant number; the compiler refuses one outside the limits.
    pub const fn of<const NUMBER: usize>() -> Self {
        const { assert!(LEAST <= NUMBER && NUMBER <= MOST, "the number lies outside the limits of the count") };
        Self(NUMBER)
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0
    }

    fn refuse(found: impl fmt::Display) -> OutOfRange {
        OutOfRange { least: LEAST, most: MOST, found: found.to_string() }
    }
}

impl<const LEAST: usize, const MOST: usize> TryFrom<usize> for Count<LEAST, MOST> {
    type Error = OutOfRange;

    fn try_from(number: usize) -> Result<Self, OutOfRange> {
        if (LEAST..=MOST).contains(&number) { Ok(Self(number)) } else { Err(Self::refuse(number)) }
    }
}

impl<const LEAST: usize, const MOST: usize> fmt::Display for Count<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const LEAST: usize, const MOST: usize> Serialize for Count<LEAST, MOST> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for Count<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<const LEAST: usize, const MOST: usize>;
        impl<const LEAST: usize, const MOST: usize> de::Visitor<'_> for Visitor<LEAST, MOST> {
            type Value = Count<LEAST, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number between {LEAST} and {MOST}")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let count = usize::try_from(number).map_err(|_| Self::Value::refuse(number));
                count.and_then(Self::Value::try_from).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let count = usize::try_from(number).map_err(|_| Self::Value::refuse(number));
                count.and_then(Self::Value::try_from).map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                Err(E::custom(Self::Value::refuse(number)))
            }
        }
        from.deserialize_any(Visitor)
    }
}
