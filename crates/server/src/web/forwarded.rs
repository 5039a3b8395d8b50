//! From where a request came: the peer of the connection, or whom a trusted proxy says that it speaks for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use crate::net::Networks;

/// The address a request came from, as `web::face` found it out.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// Finds out who sent a request.
///
/// Each proxy adds to the right of `X-Forwarded-For` whom it got the request from. So the list is walked from the right,
/// for as long as the sender is a proxy of ours; what stands further to the left anybody could have written. `Forwarded`
/// (RFC 7239) is not read: a proxy that sets the one header passes the other on as the client wrote it.
pub fn client(extensions: &Extensions, headers: &HeaderMap, proxies: &Networks) -> IpAddr {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = info.map(|ConnectInfo(address)| address.ip().to_canonical());
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).map(read);
    // Whoever reaches our Unix socket has no address and is a proxy on this machine.
    let mut client = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut is_proxy = peer.is_none_or(|peer| proxies.contains(peer));
    while is_proxy && let Some(Some(hop)) = hops.next() {
        client = hop;
        is_proxy = proxies.contains(hop);
    }
    client
}

/// Reads an address; some proxies write its port as well.
fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let ip = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip| ip.to_canonical())
}

/// Returns the address that the request came from.
pub fn peer(extensions: &Extensions) -> IpAddr {
    extensions.get::<ClientAddress>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: [u8; 4], forwarded: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from((peer, 80))));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().expect("a header"));
        }
        headers.insert("forwarded", "for=203.0.113.99".parse().expect("a header"));
        client(&extensions, &headers, &Networks::parse(["10.0.0.0/8", "2001:db8::/32"]).expect("networks")).to_string()
    }

    #[test]
    fn the_list_is_believed_only_as_far_as_proxies_of_ours_wrote_it() {
        // Nobody's proxy: what it writes counts for nothing.
        assert_eq!(found([192, 0, 2, 1], &["203.0.113.5"]), "192.0.2.1");
        assert_eq!(found([10, 0, 0, 1], &[]), "10.0.0.1");
        assert_eq!(found([10, 0, 0, 1], &["203.0.113.5"]), "203.0.113.5");
        // The client wrote the first one itself.
        assert_eq!(found([10, 0, 0, 1], &["198.51.100.1, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(found([10, 0, 0, 1], &["198.51.100.1, 203.0.113.5, 10.9.9.9"]), "203.0.113.5");
        assert_eq!(found([10, 0, 0, 1], &["198.51.100.1", "203.0.113.5", "2001:db8::7"]), "203.0.113.5");
        assert_eq!(found([10, 0, 0, 1], &["10.2.2.2, 10.3.3.3"]), "10.2.2.2");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        assert_eq!(found([10, 0, 0, 1], &["203.0.113.5, unknown"]), "10.0.0.1");
        assert_eq!(found([10, 0, 0, 1], &["203.0.113.5, _hidden, 10.3.3.3"]), "10.3.3.3");
        assert_eq!(found([10, 0, 0, 1], &["203.0.113.5,"]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        assert_eq!(found([10, 0, 0, 1], &["203.0.113.5:4711"]), "203.0.113.5");
        assert_eq!(found([10, 0, 0, 1], &["[2001:db9::5]:4711"]), "2001:db9::5");
        assert_eq!(found([10, 0, 0, 1], &["[2001:db9::5]"]), "2001:db9::5");
        assert_eq!(found([10, 0, 0, 1], &["::ffff:203.0.113.5"]), "203.0.113.5");
    }
}
