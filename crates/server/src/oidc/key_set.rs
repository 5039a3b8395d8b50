//! The public keys of an issuer (RFC 7517), as it serves them.

use std::collections::HashSet;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Issuers have a handful; a thousand would make each token cost a thousand signatures.
const MAX_KEYS: usize = 50;

/// The keys that can have signed a token we accept.
#[derive(Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    public: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads what an issuer serves. Keys of kinds we do not know are passed over: issuers serve those for others.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let document: Document = serde_json::from_slice(text).map_err(|_| "it is not a JSON Web Key Set")?;
        if document.keys.len() > MAX_KEYS {
            return Err("it has more than 50 keys");
        }
        let keys: Vec<Key> = document.keys.into_iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("it has no key for RS256, ES256 or EdDSA");
        }
        let ids: Vec<&String> = keys.iter().filter_map(|key| key.id.as_ref()).collect();
        if ids.iter().collect::<HashSet<_>>().len() != ids.len() {
            return Err("two of its keys have the same kid");
        }
        Ok(Self(keys))
    }

    /// Returns the keys that may have signed a token: the one that its header names, or without a name all of its kind.
    pub fn candidates(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<&DecodingKey> {
        let keys = self.0.iter().filter(|key| key.algorithm == algorithm);
        keys.filter(|key| id.is_none() || key.id.as_deref() == id).map(|key| &key.public).collect()
    }

    /// Whether the set knows a key of this name, of whatever kind.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let (algorithm, name) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        let is_for_signing = jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let is_for_algorithm = jwk.common.key_algorithm.is_none_or(|it| it == name);
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        (is_for_signing && is_for_algorithm).then_some(Self { id: jwk.common.key_id, algorithm, public })
    }
}
