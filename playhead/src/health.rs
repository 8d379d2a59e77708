//! `playhead health`: one line, and an exit code that a container's health check understands.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::http::StatusCode;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    CommandError, block_on,
    cli::Health,
    config::{self, Flags},
    fetch, print,
};

/// How long each of the two questions may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks readiness and gRPC health.
pub(crate) fn run(asked: &Health) -> Result<ExitCode, CommandError> {
    let admin = asked.at.address()?;
    let grpc = match asked.grpc {
        Some(address) => address,
        None => config::load(&Flags::default())?.config.listen.grpc,
    };
    block_on(async {
        let problems = [readiness(admin).await, grpc_health(grpc).await];
        let problems: Vec<String> = problems.into_iter().filter_map(Result::err).collect();
        if problems.is_empty() {
            print::text(&format!("ready: admin {admin}, gRPC {grpc}\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        print::text(&format!("not ready: {}\n", problems.join("; ")))?;
        Ok(ExitCode::FAILURE)
    })
}

async fn readiness(admin: SocketAddr) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, fetch::page(admin, "/readyz")).await {
        Err(_) => Err(format!("{admin} does not answer in {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok((StatusCode::OK, _))) => Ok(()),
        Ok(Ok((status, said))) => Err(format!("{admin} answers {status}: {}", said.trim())),
    }
}

async fn grpc_health(grpc: SocketAddr) -> Result<(), String> {
    let endpoint = Endpoint::from_shared(format!("http://{grpc}")).map_err(|error| error.to_string())?;
    let endpoint = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE);
    let channel = endpoint.connect().await.map_err(|error| format!("no gRPC at {grpc}: {error}"))?;
    let asked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    match asked {
        Ok(said) if said.get_ref().status() == ServingStatus::Serving => Ok(()),
        Ok(said) => Err(format!("gRPC at {grpc} says {}", said.get_ref().status().as_str_name())),
        Err(status) => Err(format!("gRPC at {grpc} says {}", status.message())),
    }
}
