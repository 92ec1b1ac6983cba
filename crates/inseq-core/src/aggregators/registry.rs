//! Aggregators by name, with their arguments by the reference's names.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::named::{self, NamedAggregator};
use super::{AggregationFunction, Aggregator, Pipeline};
use crate::{Error, Result};

/// Makes an aggregator from its arguments.
pub type MakeAggregator = Arc<dyn Fn(&Map<String, Value>) -> Result<Box<dyn Aggregator>> + Send + Sync>;

/// One entry of [`Aggregators`].
#[derive(Clone)]
pub struct AggregatorInfo {
    /// The name to ask for.
    pub name: String,
    /// One line on what it does.
    pub description: String,
    /// How it does it, and what its arguments mean.
    pub details: String,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// Makes it.
    pub make: MakeAggregator,
}

impl fmt::Debug for AggregatorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregatorInfo").field("name", &self.name).field("arguments", &self.arguments).finish()
    }
}

/// The aggregators that can be asked for by name: those of the reference, each aggregation function as the aggregator of
/// scores that uses it, and whatever the owner registers.
///
/// ```
/// use std::sync::Arc;
///
/// use inseq_core::aggregators::{AggregatorInfo, Aggregators, Scores, AggregationFunction};
/// use serde_json::json;
///
/// let mut aggregators = Aggregators::new();
/// let stages = [("vnorm", Default::default()), ("split", Default::default())];
/// let shared = json!({"split_pattern": r"\.", "normalize": false});
/// let pipeline = aggregators.pipeline(&stages, shared.as_object().unwrap())?;
///
/// aggregators.register(AggregatorInfo {
///     name: "largest".into(),
///     description: "The largest feature.".into(),
///     details: String::new(),
///     arguments: vec![],
///     make: Arc::new(|_| Ok(Box::new(Scores::new(AggregationFunction::Max)))),
/// });
/// assert!(aggregators.named("largest", &Default::default()).is_ok());
/// # let _ = pipeline;
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aggregators {
    entries: IndexMap<String, AggregatorInfo>,
}

impl Default for Aggregators {
    fn default() -> Self {
        Self::new()
    }
}

impl Aggregators {
    /// Those of the reference.
    pub fn new() -> Self {
        let mut aggregators = Self { entries: IndexMap::new() };
        for NamedAggregator { name, description, details, arguments, make } in named::ALL {
            let make = *make;
            aggregators.register(AggregatorInfo {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                details: (*details).to_owned(),
                arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
                make: Arc::new(make),
            });
        }
        for name in AggregationFunction::NAMES {
            aggregators.register(AggregatorInfo {
                name: name.to_owned(),
                description: named::function_description(name).to_owned(),
                details:
                    "An aggregation function: by its name alone, `scores` with it; as `aggregate_fn`, what the other \
                          aggregators make one score of several with."
                        .to_owned(),
                arguments: named::FUNCTION_ARGUMENTS.iter().map(|&argument| argument.to_owned()).collect(),
                make: Arc::new(move |arguments| named::scores_by(name, arguments)),
            });
        }
        aggregators
    }

    /// Adds an aggregator, or replaces that of its name.
    pub fn register(&mut self, info: AggregatorInfo) {
        self.entries.insert(info.name.clone(), info);
    }

    /// What there is, in the order of registration.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &AggregatorInfo> {
        self.entries.values()
    }

    /// What an aggregator does and which arguments it takes, as text.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn explain(&self, name: &str) -> Result<String> {
        let info = self.find(name)?;
        let arguments = match info.arguments.is_empty() {
            true => "none".to_owned(),
            false => info.arguments.join(", "),
        };
        let details = if info.details.is_empty() { String::new() } else { format!("{}\n\n", info.details) };
        Ok(format!("{name}: {}\n\n{details}Arguments: {arguments}.\n", info.description))
    }

    /// The aggregator of a name, with its arguments.
    ///
    /// # Errors
    /// The name is unknown, or an argument is unknown to the aggregator or of a wrong type or range.
    pub fn named(&self, name: &str, arguments: &Map<String, Value>) -> Result<Box<dyn Aggregator>> {
        let info = self.find(name)?;
        if let Some(unknown) = arguments.keys().find(|key| !info.arguments.contains(key)) {
            return Err(Error::unknown("argument of the aggregator", unknown, &info.arguments));
        }
        (info.make)(arguments)
    }

    /// Aggregators in a row: each with arguments of its own, and those of the shared ones that it knows.
    ///
    /// # Errors
    /// A name is unknown, no aggregator knows an argument, or an argument is of a wrong type or range.
    pub fn pipeline<S: AsRef<str>>(
        &self,
        stages: &[(S, Map<String, Value>)],
        shared: &Map<String, Value>,
    ) -> Result<Pipeline> {
        let infos = stages.iter().map(|(name, _)| self.find(name.as_ref())).collect::<Result<Vec<_>>>()?;
        let known: Vec<&String> = infos.iter().flat_map(|info| &info.arguments).collect();
        if let Some(unknown) = shared.keys().find(|key| !known.contains(key)) {
            return Err(Error::unknown("argument of the aggregators", unknown, known));
        }
        stages.iter().zip(infos).try_fold(Pipeline::new(), |pipeline, ((name, own), info)| {
            let known = shared.iter().filter(|(key, _)| info.arguments.contains(key));
            let mut arguments: Map<_, _> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
            arguments.extend(own.clone());
            Ok(pipeline.then_boxed(self.named(name.as_ref(), &arguments)?))
        })
    }

    fn find(&self, name: &str) -> Result<&AggregatorInfo> {
        self.entries.get(name).ok_or_else(|| Error::unknown("aggregator", name, self.entries.keys()))
    }
}
