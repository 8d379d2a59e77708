//! `limit`: one of the limits as a server. It says its address on stdout in one line, and serves until it is killed.

#![expect(clippy::print_stdout, reason = "whoever started it reads the address there")]
#![expect(clippy::expect_used, reason = "a limit that cannot be set up limits nothing")]

use std::net::UdpSocket;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{Parser, ValueEnum};
use playhead_limits::{
    bare_http::{self, Body},
    no_op::{self, Answers},
    quic_no_op::{self, Events},
    unary::{self, CheckSubscription, GetItem},
};
use tokio::{net::TcpListener, runtime::Builder};

/// The allocator of the binary that is held against it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A server that decodes and answers, and does nothing else.
#[derive(Debug, Parser)]
struct Limit {
    /// Which one.
    server: Server,
    /// The message that get-item and check-subscription answer, in base64
    #[arg(default_value = "")]
    answer: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Server {
    /// gRPC that answers each frame of a stream.
    GrpcEach,
    /// gRPC that answers all frames of a stream that have come with one Ack.
    GrpcBurst,
    /// QUIC that answers all frames of a stream that have come with one Ack.
    Quic,
    /// The same, with events as datagrams.
    QuicDatagram,
    /// HTTP that parses `POST /v1/events` as JSON.
    Json,
    /// HTTP that takes any body and says 204.
    Empty,
    /// gRPC that answers each GetItem with the same item.
    GetItem,
    /// gRPC that answers each CheckSubscription with the same subscription.
    CheckSubscription,
}

fn main() {
    let Limit { server, answer } = Limit::parse();
    let answer = BASE64_STANDARD.decode(answer).expect("a message in base64");
    // As Playhead's own runtime: one worker per core that it may use.
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let quic = match server {
            Server::Quic => Some(Events::OnStream),
            Server::QuicDatagram => Some(Events::ByDatagram),
            _ => None,
        };
        if let Some(events) = quic {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            println!("{}", socket.local_addr().expect("its own address"));
            return quic_no_op::serve(socket, events).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("its own address"));
        match server {
            Server::GrpcEach => no_op::serve(listener, Answers::Each).await,
            Server::GrpcBurst => no_op::serve(listener, Answers::Burst).await,
            Server::Json => bare_http::serve(listener, Body::Json).await,
            Server::Empty => bare_http::serve(listener, Body::Any).await,
            Server::GetItem => {
                unary::serve(listener, GetItem::answering(&answer).expect("an item")).await;
            }
            Server::CheckSubscription => {
                let answering = CheckSubscription::answering(&answer).expect("a subscription");
                unary::serve(listener, answering).await;
            }
            Server::Quic | Server::QuicDatagram => {}
        }
    });
}
