//! Shards: which parts belong to which process.

use std::fmt;
use std::str::FromStr;

/// One of several shards of a run. Shard `index` of `count` has the parts `index`, `index + count`, `index + 2 * count` and so on.
///
/// ```
/// use inseq_datasets::Shard;
///
/// let shard: Shard = "1/4".parse()?;
/// assert_eq!((0..10).filter(|&part| shard.has(part)).collect::<Vec<_>>(), [1, 5, 9]);
/// assert!("4/4".parse::<Shard>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Shard `index`, counted from 0, of `count`.
    ///
    /// # Errors
    /// There is no such shard; the message says which there are.
    pub fn new(index: u64, count: u64) -> Result<Self, String> {
        match count {
            0 => Err("the number of shards is 0; it must be at least 1".to_owned()),
            _ if index >= count => Err(format!(
                "there is no shard {index} of {count}; shards count from 0, so the last one is {}/{count}",
                count - 1
            )),
            _ => Ok(Self { index, count }),
        }
    }

    /// Number of the shard, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// Number of shards.
    pub fn count(self) -> u64 {
        self.count
    }

    /// Whether a part belongs to the shard.
    pub fn has(self, part: u64) -> bool {
        part % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let (index, count) = numbers.ok_or_else(|| {
            format!("`{text}` is no shard; expected its number, from 0, and the number of shards, such as 0/8")
        })?;
        Self::new(index, count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}
