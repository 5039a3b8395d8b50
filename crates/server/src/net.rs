//! Networks in CIDR notation (RFC 4632, 4291), of both address families.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Prefix of the v6 addresses that stand for v4 ones: `::ffff:0:0/96`.
const MAPPED_BITS: u8 = 96;

/// A list of networks. Empty means that no network was named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Box<[IpNet]>);

impl Networks {
    /// Reads networks such as `10.1.0.0/16` or `2001:db8::/32`, and single addresses; returns what is wrong with the
    /// first that is none.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        items.into_iter().map(|item| read(item.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the networks holds `ip`. A v4 address written as v6 is the same address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// Whether whoever these let in is let in by `others` too. No networks let in everybody.
    pub fn is_within(&self, others: &Self) -> bool {
        let lies_within = |network: &IpNet| others.0.iter().any(|other| other.contains(network));
        others.is_empty() || (!self.is_empty() && self.0.iter().all(lies_within))
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns each network as text.
    pub fn list(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// Writes the networks with blanks between them.
impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.list().join(" "))
    }
}

fn read(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(ip) => IpNet::from(ip),
        Err(_) => {
            text.parse::<IpNet>().map_err(|_| format!("{text:?} is no address and no network like 10.1.0.0/16"))?
        }
    };
    let network = unmapped(network);
    // Silently widened or narrowed, it would let in whom nobody meant.
    if network.addr() != network.network() {
        let (wide, narrow) = (network.trunc(), IpNet::from(network.addr()));
        return Err(format!("{text} names an address within a network; write {wide} or {narrow}"));
    }
    Ok(network)
}

/// Returns the v4 network that a v6 one stands for, if it does.
fn unmapped(network: IpNet) -> IpNet {
    let v4 = match network.addr() {
        IpAddr::V6(v6) if network.prefix_len() >= MAPPED_BITS => v6.to_ipv4_mapped(),
        _ => None,
    };
    let mapped = v4.and_then(|v4| Ipv4Net::new(v4, network.prefix_len() - MAPPED_BITS).ok());
    mapped.map_or(network, IpNet::V4)
}

/// Returns the network that an address counts to: what one place on earth usually has, /24 of v4 and /48 of v6.
pub fn network_of(ip: IpAddr) -> IpNet {
    let ip = ip.to_canonical();
    let bits = if ip.is_ipv4() { 24 } else { 48 };
    IpNet::new_assert(ip, bits).trunc()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn networks(items: &[&str]) -> Networks {
        Networks::parse(items.iter().copied()).expect("networks")
    }

    fn holds(networks: &Networks, ip: &str) -> bool {
        networks.contains(ip.parse().expect("an address"))
    }

    #[test]
    fn a_network_is_compared_by_its_bits_and_not_as_text() {
        let both = networks(&["10.2.0.0/15", "2001:db8::/33"]);
        assert!(holds(&both, "10.3.255.255") && holds(&both, "2001:db8:7fff::1"));
        assert!(!holds(&both, "10.4.0.0") && !holds(&both, "2001:db8:8000::1"));
    }

    #[test]
    fn what_names_no_network_is_refused_with_what_to_write() {
        let problem = |text: &str| Networks::parse([text]).expect_err(text);
        assert_eq!(
            problem("10.1.2.3/8"),
            "10.1.2.3/8 names an address within a network; write 10.0.0.0/8 or 10.1.2.3/32"
        );
        assert_eq!(
            problem("2001:db8::1/32"),
            "2001:db8::1/32 names an address within a network; write 2001:db8::/32 or 2001:db8::1/128"
        );
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "example.com", "10.0.0.1-9", "*", "010.0.0.1"] {
            assert!(problem(wrong).contains("is no address"), "{wrong}");
        }
    }

    #[test]
    fn a_v4_address_written_as_v6_is_the_same_address() {
        assert!(holds(&networks(&["192.0.2.0/24"]), "::ffff:192.0.2.7"));
        let mapped = networks(&["::ffff:192.0.2.0/120"]);
        assert_eq!(mapped.list(), ["192.0.2.0/24"]);
        assert!(holds(&mapped, "192.0.2.7") && !holds(&mapped, "192.0.3.7"));
        // All of v6 is not all of v4.
        assert!(!holds(&networks(&["::/0"]), "192.0.2.7"));
    }

    /// The definition, bit by bit.
    fn shares_prefix(a: u128, b: u128, bits: u8, of: u8) -> bool {
        (0..bits).all(|i| (a >> (of - 1 - i)) & 1 == (b >> (of - 1 - i)) & 1)
    }

    proptest! {
        #[test]
        fn a_v4_network_holds_exactly_those_that_share_its_prefix(base: u32, bits in 0u8..=32, other: u32, flip in 0u32..32) {
            let network = Ipv4Net::new(base.into(), bits).expect("a network").trunc();
            let networks = networks(&[&network.to_string()]);
            for ip in [other, base, base ^ (1 << flip)] {
                let expected = shares_prefix(base.into(), ip.into(), bits, 32);
                prop_assert_eq!(networks.contains(Ipv4Addr::from(ip).into()), expected);
                prop_assert_eq!(networks.contains(Ipv4Addr::from(ip).to_ipv6_mapped().into()), expected);
            }
        }

        #[test]
        fn a_v6_network_holds_exactly_those_that_share_its_prefix(base: u128, bits in 0u8..=128, other: u128, flip in 0u32..128) {
            // Not the mapped range: that is v4, above.
            let base = base | 1 << 127;
            let network = ipnet::Ipv6Net::new(base.into(), bits).expect("a network").trunc();
            let networks = networks(&[&network.to_string()]);
            for ip in [other | 1 << 127, base, base ^ (1 << flip)] {
                let expected = shares_prefix(base, ip, bits, 128);
                prop_assert_eq!(networks.contains(Ipv6Addr::from(ip).into()), expected, "{} {}", network, Ipv6Addr::from(ip));
            }
        }

        #[test]
        fn what_was_written_reads_back(base: u32, bits in 0u8..=32, six: u128, six_bits in 0u8..=128) {
            let four = Ipv4Net::new(base.into(), bits).expect("a network").trunc().to_string();
            let six = ipnet::Ipv6Net::new((six | 1 << 127).into(), six_bits).expect("a network").trunc().to_string();
            let both = networks(&[&four, &six]);
            prop_assert_eq!(&Networks::parse(both.to_string().split(' ')).expect("networks"), &both);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,60}") {
            let _ = Networks::parse([text.as_str()]);
        }
    }
}
