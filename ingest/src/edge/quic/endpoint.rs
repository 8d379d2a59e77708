//! The UDP endpoint: what QUIC itself is told of our bounds.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::QuicServerConfig,
};

use super::{Options, ServeError, web};
use crate::tls::Tls;

/// The protocol of players, as it is named in the handshake (RFC 7301).
pub(super) const PLAYHEAD: &[u8] = b"playhead/1";

/// An endpoint that accepts connections. Its certificate is the one that `tls` has at each handshake.
pub(super) fn open(socket: UdpSocket, tls: &Tls, options: &Options) -> Result<Endpoint, ServeError> {
    let crypto = QuicServerConfig::try_from(tls.quic(&[PLAYHEAD, web::PROTOCOL])?)?;
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server
        .transport_config(Arc::new(transport(options)))
        .migration(true)
        .max_incoming(options.handshakes_max)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BYTES_MAX * options.handshakes_max as u64);
    Ok(Endpoint::new(EndpointConfig::default(), Some(server), socket, Arc::new(TokioRuntime))?)
}

fn transport(options: &Options) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle_ms_max = u32::try_from(options.idle_ms_max).unwrap_or(u32::MAX);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(options.streams_max))
        .max_concurrent_uni_streams(VarInt::from_u32(web::UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(options.stream_window_bytes))
        .receive_window(VarInt::from_u32(options.connection_window_bytes))
        .send_window(options.answer_window_bytes.into())
        .datagram_receive_buffer_size(Some(options.datagram_bytes_max))
        // Nothing is sent as a datagram.
        .datagram_send_buffer_size(0)
        .crypto_buffer_size(CRYPTO_BYTES_MAX)
        .keep_alive_interval(Some(Duration::from_millis(options.keepalive_ms)))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms_max))));
    transport
}

/// What may come of one connection before it is looked at, bytes: a flight of a few packets.
const INCOMING_BYTES_MAX: u64 = 8 << 10;
/// What may come of a handshake out of order, bytes: clients send less than two packets of it.
const CRYPTO_BYTES_MAX: usize = 8 << 10;
