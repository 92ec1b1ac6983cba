//! Aggregators by name, with their arguments by the reference's names.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::named::{self, NamedAggregator};
use super::{AggregationFunction, Aggregator, Pipeline};
use crate::{About, Entry, Error, Registry, Result};

/// Makes an aggregator from its arguments.
pub type MakeAggregator = Arc<dyn Fn(&Map<String, Value>) -> Result<Box<dyn Aggregator>> + Send + Sync>;

/// The argument by which scores are scaled to sum to 1.
const NORMALIZE: &str = "normalize";

/// One entry of [`Aggregators`].
#[derive(Clone)]
pub struct AggregatorInfo {
    /// Name, meaning and arguments of the aggregator.
    pub about: About,
    /// Makes the aggregator from its arguments.
    pub make: MakeAggregator,
}

impl fmt::Debug for AggregatorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregatorInfo").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Deref for AggregatorInfo {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

impl Entry for AggregatorInfo {
    const KIND: &'static str = "aggregator";
}

/// Aggregators by name: those of the reference, each aggregation function (as the aggregator `scores` with this function), and
/// the ones that you register.
///
/// ```
/// use std::sync::Arc;
///
/// use inseq_core::About;
/// use inseq_core::aggregators::{AggregatorInfo, Aggregators, Scores, AggregationFunction};
/// use serde_json::json;
///
/// let mut aggregators = Aggregators::new();
/// let stages = [("vnorm", Default::default()), ("split", Default::default())];
/// let shared = json!({"split_pattern": r"\.", "normalize": false});
/// let pipeline = aggregators.pipeline(&stages, shared.as_object().unwrap())?;
///
/// aggregators.register(AggregatorInfo {
///     about: About {
///         name: "largest",
///         description: "The largest feature.",
///         details: "",
///         arguments: &[],
///     },
///     make: Arc::new(|_| Ok(Box::new(Scores::new(AggregationFunction::Max)))),
/// })?;
/// assert!(aggregators.named("largest", &Default::default()).is_ok());
/// # let _ = pipeline;
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aggregators {
    entries: Registry<AggregatorInfo>,
}

impl Default for Aggregators {
    fn default() -> Self {
        Self::new()
    }
}

impl Aggregators {
    /// The aggregators of the reference.
    pub fn new() -> Self {
        let aggregators = named::ALL.iter().map(|NamedAggregator { about, make }| {
            let make = Arc::new(*make);
            AggregatorInfo { about: *about, make }
        });
        let functions = AggregationFunction::NAMES.into_iter().map(|name| AggregatorInfo {
            about: About {
                name,
                description: named::function_description(name),
                details: "An aggregation function. As an aggregator, it is `scores` with this function. As `aggregate_fn` of another \
                          aggregator, it is the function that merges scores.",
                arguments: named::function_arguments(name),
            },
            make: Arc::new(move |arguments| named::scores_by(name, arguments)),
        });
        Self { entries: aggregators.chain(functions).collect() }
    }

    /// The same aggregators as the reference's commands have them: scores are normalized only if `normalize` is true.
    ///
    /// ```
    /// use inseq_core::aggregators::Aggregators;
    ///
    /// let default = |aggregators: Aggregators| {
    ///     let vnorm = aggregators.list().find(|info| info.name == "vnorm").unwrap().arguments;
    ///     vnorm.iter().find(|argument| argument.name == "normalize").unwrap().default
    /// };
    /// assert_eq!((default(Aggregators::new()), default(Aggregators::unscaled())), ("true", "false"));
    /// ```
    pub fn unscaled() -> Self {
        let all = Self::new();
        let entries = all.list().map(|info| match info.takes(NORMALIZE) {
            false => info.clone(),
            true => {
                let (make, about) = (info.make.clone(), info.about);
                AggregatorInfo {
                    about: About { arguments: named::unscaled(about.arguments), ..about },
                    make: Arc::new(move |arguments| {
                        let mut arguments = arguments.clone();
                        if arguments.get(NORMALIZE).is_none_or(Value::is_null) {
                            arguments.insert(NORMALIZE.to_owned(), false.into());
                        }
                        make(&arguments)
                    }),
                }
            }
        });
        Self { entries: entries.collect() }
    }

    /// Adds an aggregator.
    ///
    /// # Errors
    /// Its name is empty or taken.
    pub fn register(&mut self, info: AggregatorInfo) -> Result<()> {
        let name = info.name;
        self.entries.add(info).map_err(|problem| Error::argument(name, problem))
    }

    /// Removes an aggregator by name and returns it.
    pub fn remove(&mut self, name: &str) -> Option<AggregatorInfo> {
        self.entries.remove(name)
    }

    /// All aggregators, in the order of registration.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &AggregatorInfo> {
        self.entries.list()
    }

    /// Describes an aggregator and its arguments, as text.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn explain(&self, name: &str) -> Result<String> {
        Ok(self.find(name)?.explanation())
    }

    /// Makes an aggregator from its name and arguments.
    ///
    /// # Errors
    /// The name is unknown, or an argument is unknown to the aggregator or has a wrong type or value.
    pub fn named(&self, name: &str, arguments: &Map<String, Value>) -> Result<Box<dyn Aggregator>> {
        let info = self.find(name)?;
        if let Some(unknown) = info.unknown_argument(arguments) {
            let known = info.arguments.iter().map(|argument| argument.name);
            return Err(Error::unknown("argument of the aggregator", unknown, known));
        }
        (info.make)(arguments)
    }

    /// Makes a pipeline of aggregators. Each one gets its own arguments and those of the shared arguments that it takes.
    ///
    /// # Errors
    /// A name is unknown, no aggregator takes an argument, or an argument has a wrong type or value.
    pub fn pipeline<S: AsRef<str>>(
        &self,
        stages: &[(S, Map<String, Value>)],
        shared: &Map<String, Value>,
    ) -> Result<Pipeline> {
        self.stages(stages, shared)?.iter().try_fold(Pipeline::new(), |pipeline, (name, arguments)| {
            Ok(pipeline.then_boxed(self.named(name, arguments)?))
        })
    }

    /// The stages of a [pipeline](Self::pipeline): the name of each aggregator, with its own arguments and those of the shared arguments that
    /// it takes.
    ///
    /// # Errors
    /// A name is unknown, or no aggregator takes an argument.
    pub fn stages<S: AsRef<str>>(
        &self,
        stages: &[(S, Map<String, Value>)],
        shared: &Map<String, Value>,
    ) -> Result<Vec<(&'static str, Map<String, Value>)>> {
        let infos = stages.iter().map(|(name, _)| self.find(name.as_ref())).collect::<Result<Vec<_>>>()?;
        if let Some(unknown) = shared.keys().find(|key| !infos.iter().any(|info| info.takes(key))) {
            let known = infos.iter().flat_map(|info| info.arguments).map(|argument| argument.name);
            return Err(Error::unknown("argument of the aggregators", unknown, known));
        }
        let stages = stages.iter().zip(infos).map(|((_, own), info)| {
            let known = shared.iter().filter(|(key, _)| info.takes(key));
            let mut arguments: Map<_, _> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
            arguments.extend(own.clone());
            (info.name, arguments)
        });
        Ok(stages.collect())
    }

    fn find(&self, name: &str) -> Result<&AggregatorInfo> {
        self.entries.get(name).ok_or_else(|| Error::unknown("aggregator", name, self.entries.names()))
    }
}
