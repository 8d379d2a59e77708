//! One connection: its handshake, then a task per stream, and its datagrams to whom they are for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use quinn::{Connecting, Connection, crypto::rustls::HandshakeData};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use web_transport_quinn::{Session, SessionError, WebTransportError};

use super::{
    House, admission::Seat, datagrams::Datagrams, endpoint::PLAYHEAD, meters::OneMore, session, web,
};

/// Serves a connection from its handshake until it is closed, or the server stops.
pub(super) async fn serve(house: Arc<House>, connecting: Connecting, mut place: Seat) {
    let patience = Duration::from_millis(house.options.handshake_ms_max);
    let Ok(Some((session, is_web))) = timeout(patience, shake_hands(connecting)).await else {
        house.meters.connections.handshake_failed.inc();
        return;
    };
    place.arrive();
    let _connected = OneMore::of(&house.meters.connections.open);
    let _web = is_web.then(|| OneMore::of(&house.meters.web_connections));
    let datagrams = Arc::new(Datagrams::new(is_web, house.meters.datagrams_dropped.clone(), &house.options));
    tokio::select! {
        () = take_streams(&house, &session, &datagrams) => {}
        () = take_datagrams(&session, &datagrams) => {}
    }
    session.close(0, b"");
    // For browsers the reason travels on a stream, which has its own patience.
    session.closed().await;
}

/// A session of the library is a connection here: its own for players, with HTTP/3 around it for browsers.
async fn shake_hands(connecting: Connecting) -> Option<(Session, bool)> {
    let connection = connecting.await.ok()?;
    match protocol(&connection)?.as_slice() {
        PLAYHEAD => Some((Session::raw(connection), false)),
        web::PROTOCOL => Some((web::open(connection).await?, true)),
        _ => None,
    }
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    let data = connection.handshake_data()?.downcast::<HandshakeData>().ok()?;
    data.protocol
}

/// Answers each stream in a task of its own. Ends when the connection does, when it is without a session for too long,
/// or when the server stops and every stream has ended.
async fn take_streams(house: &Arc<House>, connection: &Session, datagrams: &Arc<Datagrams>) {
    let mut stopping = house.stopping.clone();
    let mut sessions = JoinSet::new();
    loop {
        let sessionless = sleep(Duration::from_millis(house.options.sessionless_ms_max));
        tokio::select! {
            Some(_) = sessions.join_next() => {}
            stream = connection.accept_bi() => match stream {
                Ok((send, recv)) => {
                    sessions.spawn(session::answer(Arc::clone(house), send, recv, Arc::clone(datagrams)));
                }
                Err(_) => return,
            },
            _ = stopping.wait_for(|stopping| *stopping) => break,
            () = sessionless, if sessions.is_empty() => {
                house.meters.sessionless.inc();
                return;
            }
        }
    }
    while sessions.join_next().await.is_some() {}
}

/// Brings datagrams to the sessions that they are for, until the connection ends.
async fn take_datagrams(connection: &Session, datagrams: &Datagrams) {
    loop {
        match connection.read_datagram().await {
            Ok(datagram) => datagrams.bring(datagram),
            // It is for another session of the browser's connection, and there is none.
            Err(SessionError::WebTransportError(WebTransportError::UnknownSession)) => {
                datagrams.bring(Bytes::new());
            }
            Err(_) => return,
        }
    }
}
