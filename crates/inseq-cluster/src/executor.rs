//! `inseq-cluster executor`.

use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};

use crate::arguments::ExecutorArguments;
use crate::function::{NAME, attribute_shard};
use crate::problem::Problem;
use crate::worker::Worker;

/// Time to wait for the scheduler, in seconds.
const PATIENCE: u16 = 600;

/// Runs an executor until the process is ended. A shard at work is finished first.
pub fn run(arguments: ExecutorArguments) -> Result<(), Problem> {
    let no_folder = |error| Problem::of_system("the folder of the executor", &error);
    // Removed when the executor ends.
    let temporary = tempfile::tempdir().map_err(no_folder)?;
    let work_dir = arguments.work_dir.unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&work_dir).map_err(no_folder)?;

    let mut functions = BallistaFunctionRegistry::default();
    functions.scalar_functions.insert(NAME.to_owned(), Arc::new(attribute_shard(Arc::new(Worker::default()))));
    let config = ExecutorProcessConfig {
        scheduler_host: arguments.scheduler.host.clone(),
        scheduler_port: arguments.scheduler.port,
        scheduler_connect_timeout_seconds: PATIENCE,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        // One shard at a time: a model uses all cores, or a whole GPU.
        vcores: 1,
        // Any free ports: nobody fetches the numbers that shards return.
        port: 0,
        grpc_port: 0,
        work_dir: Some(work_dir.to_string_lossy().into_owned()),
        // The memory is the model's.
        memory_pool_size: Some(0),
        override_function_registry: Some(Arc::new(functions)),
        ..ExecutorProcessConfig::default()
    };
    log::info!("asking {} for work", arguments.scheduler);
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| Problem::of_system("the executor has no threads", &error))?;
    let done = runtime.block_on(start_executor_process(Arc::new(config)));
    done.map_err(|error| Problem::of(&format!("the executor of {}", arguments.scheduler), &error))
}
