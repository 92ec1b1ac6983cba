//! `inseq-cluster scheduler`.

use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::utils::default_session_builder;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use datafusion::execution::{FunctionRegistry as _, SessionState};
use datafusion::prelude::SessionConfig;

use crate::arguments::SchedulerArguments;
use crate::function::attribute_shard;
use crate::problem::Problem;

/// Runs the scheduler until the process is ended.
pub fn run(arguments: &SchedulerArguments) -> Result<(), Problem> {
    let config = SchedulerConfig {
        bind_host: arguments.bind.ip().to_string(),
        external_host: arguments.bind.ip().to_string(),
        bind_port: arguments.bind.port(),
        // Executors ask for work, so that nothing has to reach them, and a scheduler that starts again finds them.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: arguments.executor_timeout,
        expire_dead_executor_interval_seconds: (arguments.executor_timeout / 4).clamp(1, 15),
        // A cluster may begin without executors, and lose all of them for a while.
        no_executors_grace_period_seconds: arguments.executor_timeout.max(3600),
        override_session_builder: Some(Arc::new(session)),
        ..SchedulerConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| Problem::of_system("the scheduler has no threads", &error))?;
    let served = runtime.block_on(async {
        let cluster = BallistaCluster::new_from_config(&config).await?;
        log::info!("listening on {}", arguments.bind);
        start_server(cluster, arguments.bind, Arc::new(config)).await
    });
    served.map_err(|error| Problem::of(&format!("the scheduler cannot serve {}", arguments.bind), &error))
}

/// Ballista's session with its functions, and ours added to them.
fn session(config: SessionConfig) -> datafusion::error::Result<SessionState> {
    let mut state = default_session_builder(config)?;
    state.register_udf(Arc::new(attribute_shard(Arc::default())))?;
    Ok(state)
}
