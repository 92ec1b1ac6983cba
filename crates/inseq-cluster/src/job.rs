//! A job: what executors need to know, and the plan that gives it to them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use serde::{Deserialize, Serialize};

use crate::function::{NAME, attribute_shard};

/// A run of `inseq-cluster run`, as executors repeat it for one shard at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The command line, the name of the program first.
    pub line: Vec<String>,
    /// The folder in which it was given, from which relative paths start.
    pub directory: PathBuf,
    /// Number of shards.
    pub shards: u64,
    /// Tells this start of the command from others: an executor opens data and results anew for each.
    pub start: String,
}

impl Job {
    /// The job of this process.
    pub fn of(line: Vec<OsString>, shards: u64) -> std::result::Result<Self, String> {
        let text = |word: OsString| {
            word.into_string().map_err(|word| format!("{} is not Unicode, so executors cannot get it", word.display()))
        };
        let line = line.into_iter().map(text).collect::<std::result::Result<_, _>>()?;
        let directory = std::env::current_dir().map_err(|error| format!("the current folder is unknown: {error}"))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = format!("{}-{}", since.as_nanos(), std::process::id());
        Ok(Self { line, directory, shards, start })
    }

    /// Reads a job that [`plan`](Self::plan) wrote.
    pub fn read(text: &str) -> std::result::Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            format!("the job cannot be read ({error}); client and executors must be the same version of inseq-cluster")
        })
    }

    /// The plan for some shards, in the form in which a scheduler takes it: a table of their numbers, one per partition, and a call of
    /// the function for each. A partition is a task.
    pub fn plan(&self, shards: &[u64]) -> Result<Vec<u8>> {
        let schema = Arc::new(Schema::new(vec![Field::new("shard", DataType::UInt64, false)]));
        let partition = |shard: &u64| {
            let column = Arc::new(UInt64Array::from(vec![*shard]));
            Ok(vec![RecordBatch::try_new(schema.clone(), vec![column])?])
        };
        let partitions = shards.iter().map(partition).collect::<Result<Vec<_>>>()?;
        let table = MemorySourceConfig::try_new_exec(&partitions, schema.clone(), None)?;
        let text =
            serde_json::to_string(self).map_err(|error| datafusion::error::DataFusionError::External(error.into()))?;
        let shard = Arc::new(Column::new("shard", 0));
        let done = ScalarFunctionExpr::try_new(
            Arc::new(attribute_shard(Arc::default())),
            vec![Arc::new(Literal::new(ScalarValue::Utf8(Some(text)))), shard.clone()],
            &schema,
            Arc::new(ConfigOptions::default()),
        )?;
        let columns = [ProjectionExpr::new(shard, "shard"), ProjectionExpr::new(Arc::new(done), NAME)];
        let plan = ProjectionExec::try_new(columns, table)?;
        let codec = BallistaPhysicalExtensionCodec::default();
        let mut bytes = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(Arc::new(plan), &codec)?.try_encode(&mut bytes)?;
        Ok(bytes)
    }
}
