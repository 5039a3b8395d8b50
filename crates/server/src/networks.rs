//! Lists of networks, IPv4 and IPv6, as people write them (RFC 4632, RFC 4291, 2.3).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::{Error, Result};

/// Where somebody may come from. An empty list means: from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Box<[IpNet]>);

/// More would be a firewall.
const MAX_NETWORKS: usize = 200;

impl Networks {
    /// Reads what people write: `10.0.0.0/8`, `2001:db8::/32`, or a single address. `field` is named where it is wrong.
    pub fn parse<T: AsRef<str>>(field: &str, texts: &[T]) -> Result<Self> {
        if texts.len() > MAX_NETWORKS {
            return Err(Error::invalid(field, format!("must be at most {MAX_NETWORKS} networks")));
        }
        let read = |text: &T| {
            let text = text.as_ref().trim();
            network(text).ok_or_else(|| {
                let message = format!("must be networks like 10.0.0.0/8 or 2001:db8::/32; {text:.60} is none");
                Error::invalid(field, message)
            })
        };
        texts.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub fn from_text(text: &str) -> Self {
        Self(text.split_whitespace().filter_map(network).collect())
    }

    /// Returns the list as the table keeps it: networks, separated by blanks.
    pub fn to_text(&self) -> String {
        self.list().join(" ")
    }

    pub fn list(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    pub fn is_anywhere(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody may come from `ip`. An IPv4 address is the same however it is written.
    pub fn allow(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.is_anywhere() || self.0.iter().any(|network| network.contains(&ip))
    }

    /// Whether all of these lie within `others`.
    pub fn is_within(&self, others: &Self) -> bool {
        let lies_within = |network: &IpNet| others.0.iter().any(|other| other.contains(network));
        others.is_anywhere() || (!self.is_anywhere() && self.0.iter().all(lies_within))
    }
}

/// Reads a network or an address. Digits behind the prefix are dropped, and IPv4 written as IPv6 is IPv4.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    let network = match (network, network.addr().to_canonical()) {
        (IpNet::V6(_), IpAddr::V4(address)) => {
            IpNet::new(address.into(), network.prefix_len().checked_sub(96)?).ok()?
        }
        (network, _) => network,
    };
    Some(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::parse("networks", texts).expect("networks")
    }

    #[test]
    fn networks_are_compared_as_numbers_and_not_as_text() {
        let list = networks(&["10.1.2.3/8", "2001:DB8::/32", "192.0.2.7", "::ffff:198.51.100.0/120"]);
        assert_eq!(list.to_text(), "10.0.0.0/8 2001:db8::/32 192.0.2.7/32 198.51.100.0/24");
        for inside in ["10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1", "192.0.2.7", "198.51.100.9"] {
            assert!(list.allow(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["100.0.0.1", "11.0.0.0", "192.0.2.70", "2001:db9::1", "::10.0.0.1"] {
            assert!(!list.allow(outside.parse().expect("an address")), "{outside}");
        }
        assert!(Networks::default().allow([203, 0, 113, 1].into()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for wrong in ["", "10.0.0.0/33", "10.0.0", "everywhere", "2001:db8::/129", "::ffff:1.2.3.4/80"] {
            assert!(Networks::parse("networks", &[wrong]).is_err(), "{wrong}");
        }
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<[u8; 4]>(), 0u8..=32).prop_map(|(ip, len)| IpNet::new(ip.into(), len).expect("a length"));
        let v6 = (any::<[u8; 16]>(), 0u8..=128).prop_map(|(ip, len)| IpNet::new(ip.into(), len).expect("a length"));
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn a_network_holds_exactly_the_addresses_that_share_its_prefix(network in any_network(), ip in any::<[u8; 4]>()) {
            let list = networks(&[&network.to_string()]);
            let ip = IpAddr::from(ip);
            let expected = match network {
                IpNet::V4(network) => {
                    let bits = u32::from(network.addr()) ^ u32::from_be_bytes(match ip {
                        IpAddr::V4(ip) => ip.octets(),
                        IpAddr::V6(_) => unreachable!("the address is IPv4"),
                    });
                    network.prefix_len() == 0 || bits >> (32 - network.prefix_len()) == 0
                }
                IpNet::V6(_) => list.0.iter().any(|it| it.contains(&ip)),
            };
            prop_assert_eq!(list.allow(ip), expected);
            prop_assert!(list.allow(network.addr()));
            prop_assert_eq!(Networks::from_text(&list.to_text()), list);
        }

        #[test]
        fn whoever_is_let_in_by_the_inner_list_is_let_in_by_the_outer(
            inner in any_network(),
            outer in proptest::collection::vec(any_network(), 0..4),
        ) {
            let text = |it: &IpNet| it.to_string();
            let (inner, outer) = (
                Networks::parse("inner", &[text(&inner)]).expect("networks"),
                Networks::parse("outer", &outer.iter().map(text).collect::<Vec<_>>()).expect("networks"),
            );
            if inner.is_within(&outer) {
                prop_assert!(inner.0.iter().all(|it| outer.allow(it.addr()) && outer.allow(it.broadcast())));
            }
        }
    }
}
