//! Ports that nobody has.

use std::net::{Ipv4Addr, TcpListener};

use super::Trouble;

/// So many ports, free on the first so many loopback addresses. Below the ephemeral ones, and low enough that Redis can
/// add 10 000 for its cluster's own.
pub(super) fn free<const N: usize>(addresses: u8) -> Result<[u16; N], Trouble> {
    // Two checkouts that start at once should not look at the same ports first.
    let first = FIRST + (std::process::id() % 1_000) as u16 * 4;
    let free = (first..FIRST + TRIED).chain(FIRST..first).filter(|&port| is_free(port, addresses));
    let found: Vec<u16> = free.take(N).collect();
    found.try_into().map_err(|_| Trouble::Failed(format!("no {N} free ports from {FIRST} on")))
}

/// The loopback addresses from 127.0.0.1 on.
pub(super) fn address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, node)
}

fn is_free(port: u16, addresses: u8) -> bool {
    (1..=addresses).all(|node| TcpListener::bind((address(node), port)).is_ok())
}

const FIRST: u16 = 18_000;
const TRIED: u16 = 8_000;
