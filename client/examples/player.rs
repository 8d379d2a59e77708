//! Plays a synthetic session against a running server, as a player would: a start, beats at the server's rhythm, a pause
//! and a stop; then waits until all of it is acknowledged.
//!
//! ```sh
//! playhead serve &
//! cargo run -p playhead-client --example player -- http://127.0.0.1:7450 --beats 5
//! cargo run -p playhead-client --example player -- quic://127.0.0.1:7443 --anyone-on-loopback --datagrams
//! ```
//!
//! With `--tail FILE` a session that was broken off goes on: start it, kill it, start it again.
#![allow(clippy::print_stdout, reason = "it talks to a person")]

use std::{env, error::Error, process, time::Duration};

use playhead_client::{
    Client, Event, EventKind, PlayerState, Session, SessionInfo, Token, Trust, tail::TailSettings,
};

/// What was asked for.
struct Asked {
    url: String,
    viewer: String,
    session: Option<String>,
    beats: i64,
    /// Instead of the server's rhythm.
    beat_ms: Option<u64>,
    trust: Option<Trust>,
    tail: Option<String>,
    datagrams: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let asked = Asked::parse(env::args().skip(1))?;
    let mut builder =
        Client::builder(&asked.url).token(Token::fixed(&*asked.viewer)).datagrams(asked.datagrams);
    if let Some(trust) = &asked.trust {
        builder = builder.trust(trust.clone());
    }
    if let Some(tail) = &asked.tail {
        builder = builder.tail(TailSettings::at(tail));
    }
    let client = builder.build()?;
    for left in client.resume()? {
        let id = left.info().session_id.clone();
        println!("going on with {id}, {} events without an ending", left.progress().borrow().held_events);
        end(left).await?;
    }
    let id = asked.session.clone().unwrap_or_else(|| format!("player-{}", process::id()));
    play(
        client.session(SessionInfo { duration_ms: Some(600_000), ..SessionInfo::new(id, "movie-1") })?,
        &asked,
    )
    .await
}

/// Plays one session to its end.
async fn play(session: Session, asked: &Asked) -> Result<(), Box<dyn Error>> {
    let id = session.info().session_id.clone();
    let mut position_ms = 0;
    say(&session, event(EventKind::Start, PlayerState::Playing, position_ms)).await?;
    for _ in 0..asked.beats {
        match asked.beat_ms {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => session.beat_due().await,
        }
        position_ms += 10_000;
        say(&session, event(EventKind::Beat, PlayerState::Playing, position_ms)).await?;
        if let Some(command) = &session.progress().borrow().command {
            println!("{id}: told to stop: {command:?}");
            break;
        }
    }
    say(&session, event(EventKind::Stop, PlayerState::Paused, position_ms)).await?;
    end(session).await
}

/// Waits until everything is acknowledged.
async fn end(session: Session) -> Result<(), Box<dyn Error>> {
    let id = session.info().session_id.clone();
    let ended = session.close().await?;
    println!("{id}: acknowledged through {}, {} refused", ended.acked_through, ended.rejected.len());
    Ok(())
}

async fn say(session: &Session, event: Event) -> Result<(), Box<dyn Error>> {
    let kind = event.kind();
    let seq = session.send(event).await?;
    println!("{}: sent {seq} {kind:?}, acknowledged through {}", session.info().session_id, session.acked());
    Ok(())
}

fn event(kind: EventKind, state: PlayerState, position_ms: i64) -> Event {
    Event { kind: kind.into(), state: state.into(), position_ms: Some(position_ms), ..Event::default() }
}

impl Asked {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut asked = Self {
            url: "http://127.0.0.1:7450".to_owned(),
            viewer: "alice:alice:player".to_owned(),
            session: None,
            beats: 5,
            beat_ms: None,
            trust: None,
            tail: None,
            datagrams: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match &*word {
                "--viewer" => asked.viewer = value()?,
                "--session" => asked.session = Some(value()?),
                "--beats" => asked.beats = value()?.parse()?,
                "--beat-ms" => asked.beat_ms = Some(value()?.parse()?),
                "--fingerprint" => asked.trust = Some(Trust::fingerprint(&value()?)?),
                "--anyone-on-loopback" => asked.trust = Some(Trust::AnyoneOnLoopback),
                "--tail" => asked.tail = Some(value()?),
                "--datagrams" => asked.datagrams = true,
                url if url.contains("://") => asked.url = word,
                _ => return Err(format!("{word} is not known; see the head of examples/player.rs").into()),
            }
        }
        Ok(asked)
    }
}
