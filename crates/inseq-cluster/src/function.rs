//! The function `attribute_shard(job, shard)`, which does the work of a task.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, StructArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Fields, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::job::Job;
use crate::worker::{Stop, Worker};

/// Name of the function. Functions travel by name, so scheduler, executors and client know it.
pub const NAME: &str = "attribute_shard";

/// The function. Only executors call it; the others have an idle worker.
pub fn attribute_shard(worker: Arc<Worker>) -> ScalarUDF {
    // Volatile: nobody may fold it, leave it out, or call it twice.
    let signature = Signature::exact(vec![DataType::Utf8, DataType::UInt64], Volatility::Volatile);
    ScalarUDF::new_from_impl(AttributeShard { signature, worker })
}

#[derive(Debug)]
struct AttributeShard {
    signature: Signature,
    worker: Arc<Worker>,
}

// There is one function of this name in a process.
impl PartialEq for AttributeShard {
    fn eq(&self, other: &Self) -> bool {
        self.signature == other.signature
    }
}

impl Eq for AttributeShard {}

impl Hash for AttributeShard {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.signature.hash(state);
    }
}

/// What a shard returns: numbers of parts, rows, and rows with an error that this call wrote.
fn fields() -> Fields {
    ["parts", "rows", "errors"].map(|name| Field::new(name, DataType::UInt64, false)).into_iter().collect()
}

impl ScalarUDFImpl for AttributeShard {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [jobs, shards] = arrays.as_slice() else {
            return exec_err!("{NAME} takes a job and the number of a shard, but got {} values", arrays.len());
        };
        let (jobs, shards) = (jobs.as_string::<i32>(), shards.as_primitive::<UInt64Type>());
        let mut columns = <[Vec<u64>; 3]>::default();
        for row in 0..shards.len() {
            let job = Job::read(jobs.value(row)).map_err(DataFusionError::Execution)?;
            let done = attribute(&self.worker, &job, shards.value(row))?;
            for (column, value) in columns.iter_mut().zip(done) {
                column.push(value);
            }
        }
        let columns = columns.map(|column| Arc::new(UInt64Array::from(column)) as ArrayRef);
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields(), columns.to_vec(), None)?)))
    }
}

/// Runs a shard. Errors that may not come again are [`DataFusionError::IoError`], which Ballista tries again, four times in all; it
/// ends the job at any other error, and at a panic.
fn attribute(worker: &Worker, job: &Job, shard: u64) -> Result<[u64; 3]> {
    let done = catch_unwind(AssertUnwindSafe(|| worker.attribute(job, shard)));
    let stop = match done {
        Ok(Ok(summary)) => {
            log::info!("shard {shard} of {}: {} rows, {} with an error", job.shards, summary.rows, summary.errors);
            return Ok([summary.parts, summary.rows, summary.errors]);
        }
        Ok(Err(stop)) => stop,
        Err(panic) => {
            worker.forget();
            // Libraries of devices panic when a device is lost or its memory is full.
            Stop { reason: format!("the program panicked: {}", said(&*panic)), may_pass: true }
        }
    };
    let reason = format!("shard {shard} of {}: {}", job.shards, stop.reason);
    log::warn!("{reason}");
    Err(if stop.may_pass {
        DataFusionError::IoError(io::Error::other(reason))
    } else {
        DataFusionError::Execution(reason)
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
