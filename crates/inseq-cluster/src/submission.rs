//! What the client asks of a scheduler.

use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::execute_query_result::Result as Answer;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{CancelJobParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::{config, version};
use tonic::transport::Channel;

use crate::arguments::Address;
use crate::problem::Problem;

/// Largest message of Ballista's scheduler, in bytes.
const LARGEST: usize = 16 << 20;

/// A job that a scheduler accepted.
#[derive(Debug)]
pub struct Submission {
    client: SchedulerGrpcClient<Channel>,
    job: String,
}

/// What is wrong with a submission.
#[derive(Debug)]
pub enum Refusal {
    /// The scheduler does not answer, for this reason. It may answer later.
    NoAnswer(String),
    /// The scheduler refuses.
    Final(Problem),
}

/// How far a job is.
#[derive(Debug)]
pub enum State {
    /// It waits or runs.
    Going,
    /// Every shard was given to an executor, which returned.
    Returned,
    /// It has failed, and was not tried again.
    Failed(String),
    /// The scheduler does not know it: it was started anew.
    Unknown,
    /// The scheduler does not answer.
    NoAnswer,
}

impl Submission {
    /// Gives a plan to a scheduler.
    pub async fn new(address: &Address, name: &str, plan: Vec<u8>) -> Result<Self, Refusal> {
        let endpoint = create_grpc_client_endpoint(format!("http://{address}"), Some(&GrpcClientConfig::default()));
        let endpoint = endpoint.map_err(|error| Refusal::Final(Problem::Cluster(format!("{address}: {error}"))))?;
        let channel = endpoint.connect().await.map_err(|error| Refusal::NoAnswer(with_cause(&error)))?;
        let mut client =
            SchedulerGrpcClient::new(channel).max_encoding_message_size(LARGEST).max_decoding_message_size(LARGEST);
        let setting = |key: &str, value: &str| KeyValuePair { key: key.to_owned(), value: Some(value.to_owned()) };
        let mut request = tonic::Request::new(ExecuteQueryParams {
            query: Some(Query::PhysicalPlan(plan)),
            session_id: uuid::Uuid::new_v4().to_string(),
            operation_id: uuid::Uuid::new_v4().to_string(),
            settings: vec![
                setting(config::BALLISTA_JOB_NAME, name),
                // A task is one shard. Without a limit, one executor could get all of them as one task.
                setting(config::BALLISTA_SCHEDULER_MAX_PARTITIONS_PER_TASK, "1"),
                setting("datafusion.execution.batch_size", "1"),
            ],
        });
        version::insert_version_header(request.metadata_mut());
        let answer = client.execute_query(request).await.map_err(|status| match status.code() {
            tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::DeadlineExceeded => {
                Refusal::NoAnswer(with_cause(&status))
            }
            _ => Refusal::Final(Problem::Cluster(format!(
                "the scheduler at {address} refuses the run: {}",
                status.message()
            ))),
        })?;
        match answer.into_inner().result {
            Some(Answer::Success(success)) => Ok(Self { client, job: success.job_id }),
            Some(Answer::Failure(failure)) => Err(Refusal::Final(Problem::Cluster(format!(
                "the scheduler at {address} does not understand the run ({failure:?}); client and scheduler must be the same version of \
                 inseq-cluster"
            )))),
            None => Err(Refusal::NoAnswer("its answer is empty".to_owned())),
        }
    }

    /// Asks how far the job is.
    pub async fn state(&mut self) -> State {
        let answer = self.client.get_job_status(GetJobStatusParams { job_id: self.job.clone() }).await;
        match answer {
            Err(_) => State::NoAnswer,
            Ok(answer) => match answer.into_inner().status.and_then(|status| status.status) {
                None => State::Unknown,
                Some(Status::Queued(_) | Status::Running(_)) => State::Going,
                Some(Status::Successful(_)) => State::Returned,
                Some(Status::Failed(failed)) => State::Failed(failed.error),
            },
        }
    }

    /// Takes the job back. Shards at work are finished; no other is begun.
    pub async fn cancel(&mut self) {
        // A scheduler that does not answer has no job any more.
        let _ = self.client.cancel_job(CancelJobParams { job_id: self.job.clone() }).await;
    }
}

/// An error with its causes: the transport's own message says only that there is one.
fn with_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let mut said: Vec<String> = causes.collect();
    said.dedup();
    said.join(": ")
}
